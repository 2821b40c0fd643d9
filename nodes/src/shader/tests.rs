use super::*;
use proptest::prelude::*;
use runtime::{Job, Socket};

/// A picture of 70 x 3 pixels, so that no row is a whole number of lanes: red is the column, green the row from above, blue a half.
fn picture() -> Image {
    let (width, height) = (70, 3);
    let pixel = |i: usize| [(i % width) as f32, (i / width) as f32, 0.5];
    Block { outer: 1, height, width, inner: 3, data: (0..width * height).flat_map(pixel).collect() }.into_image()
}

fn run(shader: &str, linked: &[(&str, Value)]) -> Result<[Block; 4], String> {
    let mut values = vec![("images.image0".to_owned(), picture().into_value())];
    values.extend(linked.iter().map(|(name, value)| ((*name).to_owned(), value.clone())));
    let node = GLSLShader {
        fragment_shader: shader.to_owned(),
        size_mode: "from_input".to_owned(),
        width: None,
        height: None,
        linked: Extra(values.into_iter().collect()),
    };
    let (a, b, c, d) = node.run(&Context::alone(Job::default())).map_err(|it| it.to_string())?;
    Ok([a, b, c, d].map(|it| Block::of_image(&it)))
}

/// Runs what stands in `main`, with the colour of the pixel as `c` and the result in `o`; `before` stands before it.
fn with(before: &str, main: &str) -> Result<Block, String> {
    let shader = format!(
        "#version 300 es\nprecision highp float;\nuniform sampler2D u_image0;\nuniform vec2 u_resolution;\nin vec2 v_texCoord;\n\
         out vec4 o;\n{before}\nvoid main() {{\n vec4 c = texture(u_image0, v_texCoord);\n o = vec4(0.0);\n{main}\n}}\n"
    );
    run(&shader, &[]).map(|[first, ..]| first)
}

/// The red of every pixel of the first row.
fn reds(before: &str, main: &str) -> Vec<f32> {
    let block = with(before, main).unwrap_or_else(|it| panic!("{main}: {it}"));
    block.data[..70 * 4].iter().step_by(4).copied().collect()
}

/// What an expression of no pixel is, as a number.
fn number(expression: &str) -> f32 {
    reds("", &format!("o.r = float({expression});"))[0]
}

#[test]
fn the_shader_of_a_new_node_copies_its_picture() {
    let [first, second, ..] = run(COPY, &[]).expect("runs");
    assert_eq!(first, Block::of_image(&picture()).with_channels(4));
    assert!(second.data.iter().all(|it| *it == 0.0) && second.data.len() == first.data.len());
}

#[test]
fn expressions_mean_what_the_language_says() {
    for (expression, expected) in [
        ("1.0 + 2.0 * 3.0 - 4.0 / 8.0", 6.5),
        ("7 / 2 + 7 % 4", 6.0),
        ("-7 / 2", -3.0),
        ("1 << 4 | 3 & 2 ^ 1", 19.0),
        ("0xffu >> 4u", 15.0),
        ("010", 8.0),
        ("int(-1.7)", -1.0),
        ("uint(3.9)", 3.0),
        ("4294967295u / 4294967295u", 1.0),
        ("(747796405u * 3u + 2891336453u) >> 8u", 3_280_306.0),
        ("true && !false ? 2.0 : 3.0", 2.0),
        ("1 < 2 == 3 > 2 ^^ false", 1.0),
        ("mod(-1.0, 3.0)", 2.0),
        ("fract(-0.25)", 0.75),
        ("clamp(5.0, 0.0, 2.0) + float(min(1, 2))", 3.0),
        ("dot(vec3(1.0, 2.0, 3.0), vec3(4.0, 5.0, 6.0))", 32.0),
        ("length(vec2(3.0, 4.0))", 5.0),
        ("distance(vec2(1.0), vec2(4.0, 5.0))", 5.0),
        ("normalize(vec2(0.0, 9.0)).y", 1.0),
        ("cross(vec3(1.0, 0.0, 0.0), vec3(0.0, 1.0, 0.0)).z", 1.0),
        ("reflect(vec2(1.0, -1.0), vec2(0.0, 1.0)).y", 1.0),
        ("mix(10.0, 20.0, 0.25)", 12.5),
        ("mix(vec2(1.0), vec2(2.0), bvec2(false, true)).y", 2.0),
        ("smoothstep(0.0, 2.0, 1.0)", 0.5),
        ("step(0.5, 0.5) + step(0.5, 0.4)", 1.0),
        ("max(vec3(1.0, 5.0, 2.0), 3.0).z", 3.0),
        ("atan(1.0, 1.0) * 4.0", std::f32::consts::PI),
        ("radians(180.0)", std::f32::consts::PI),
        ("inversesqrt(4.0)", 0.5),
        ("sign(-2.0) + abs(-3.0)", 2.0),
        ("vec4(1.0, vec2(2.0, 3.0), 4.0).wzyx.y", 3.0),
        ("ivec3(vec3(1.9, 2.9, 3.9)).b", 3.0),
        ("vec3(4.0)[2]", 4.0),
        ("any(lessThan(vec2(1.0, 3.0), vec2(2.0)))", 1.0),
        ("all(equal(ivec2(1, 2), ivec2(1, 3)))", 0.0),
        ("textureSize(u_image0, 0).x", 70.0),
        ("texelFetch(u_image0, ivec2(5, 0), 0).g", 2.0),
        ("texelFetch(u_image0, ivec2(-9, 99), 0).r", 0.0),
        ("u_resolution.x / u_resolution.y", 70.0 / 3.0),
        ("1e2 + .5 + 2.f", 102.5),
    ] {
        let found = number(expression);
        assert!((found - expected).abs() <= expected.abs() * 1e-6, "{expression} is {found}, not {expected}");
    }
}

#[test]
fn every_pixel_goes_its_own_way() {
    let columns = || (0..70).map(|it| it as f32);
    let all = [
        (
            "if (c.r < 10.0) { o.r = 1.0; } else if (c.r < 20.0) o.r = 2.0; else { o.r = 3.0; }",
            columns()
                .map(|it| {
                    if it < 10.0 {
                        1.0
                    } else if it < 20.0 {
                        2.0
                    } else {
                        3.0
                    }
                })
                .collect::<Vec<_>>(),
        ),
        (
            "for (int i = 0; i < int(c.r); i++) { if (i == 50) break; if (i % 2 == 0) continue; o.r += 1.0; }",
            columns().map(|it| (it.min(50.0) / 2.0).floor()).collect(),
        ),
        (
            "float left = c.r; while (left > 7.0) { left -= 7.0; } o.r = left;",
            columns().map(|it| if it > 7.0 { (it - 1.0) % 7.0 + 1.0 } else { it }).collect(),
        ),
        ("do { o.r += 1.0; } while (o.r < c.r);", columns().map(|it| it.max(1.0)).collect()),
        ("o.r = c.r; if (c.r > 30.0) return; o.r = -1.0;", columns().map(|it| if it > 30.0 { it } else { -1.0 }).collect()),
        ("o.r = 1.0; if (c.r > 30.0) discard; o.r = 2.0;", columns().map(|it| if it > 30.0 { 0.0 } else { 2.0 }).collect()),
        ("o.r = gl_FragCoord.x - 0.5;", columns().collect()),
    ];
    for (main, expected) in all {
        assert_eq!(reds("", main), expected, "{main}");
    }
}

#[test]
fn functions_are_chosen_by_their_types_and_give_back() {
    let before = "float f(float x) { return x + 1.0; }\nfloat f(int x) { if (x > 1) { return 5.0; } return 6.0; }\n\
                  void twice(inout float x, out float y, const in float z) { y = x; x *= 2.0 * z; }\n\
                  float red(sampler2D from, ivec2 at) { return texelFetch(from, at, 0).r; }\nconst float K = f(1.0);\nint count = 1;\n\
                  int next() { return count++; }";
    for (main, expected) in [
        ("o.r = f(f(1.0)) + f(3) + f(1);", 14.0),
        ("float a = 3.0, b; twice(a, b, 2.0); o.r = a * 10.0 + b;", 123.0),
        ("o.r = red(u_image0, ivec2(9, 1));", 9.0),
        ("o.r = K;", 2.0),
        ("o.r = float(next() * 100 + next() * 10 + next());", 123.0),
        ("int i = 1; o.r = float(i + i++ * 10 + i);", 13.0),
        ("bool no = false && next() > 0; o.r = float(count);", 1.0),
        ("float x = true ? 4.0 : float(next()); o.r = x + float(count);", 5.0),
        ("vec4 v = vec4(1.0, 2.0, 3.0, 4.0); v.xy = v.yx; v.z += v.w; o.r = v.x * 10.0 + v.z;", 27.0),
        ("float x = 1.0; { float x = 2.0; x = 3.0; } o.r = x;", 1.0),
    ] {
        assert_eq!(reds(before, main)[0], expected, "{main}");
    }
}

#[test]
fn what_is_linked_is_known_by_its_name() {
    let shader = "#version 300 es\nuniform sampler2D u_image0; uniform sampler2D u_image1; uniform sampler2D u_curve0;\n\
                  uniform float u_float3; uniform int u_int0; uniform bool u_bool1; in vec2 v_texCoord;\n\
                  layout(location = 1) out vec4 second; layout(location = 0) out vec4 first;\n\
                  void main() { first = texture(u_image1, v_texCoord); second = vec4(u_float3, float(u_int0), u_bool1 ? 1.0 : 0.0,\n\
                  texture(u_curve0, vec2(1.0, 0.5)).r); }";
    let other = Block::filled(1, 1, 1, 4, 0.25).into_image().into_value();
    let curve = serde_json::json!([[0, 0], [1, 0.75]]);
    let curve = crate::curve::Curve::read(&curve).expect("a curve").into_value();
    let linked = [
        ("images.image1", other),
        ("floats.u_float3", Value::Float(0.5)),
        ("ints.u_int0", Value::Int(-3)),
        ("bools.u_bool1", Value::Bool(true)),
        ("curves.u_curve0", curve),
    ];
    let [first, second, ..] = run(shader, &linked).expect("runs");
    assert_eq!((first.width, &first.data[..4], &second.data[..4]), (70, &[0.25; 4][..], &[0.5, -3.0, 1.0, 0.75][..]));
    assert!(run(shader, &linked[..4]).expect_err("no curve").contains("u_curve0"));
    assert!(run(COPY, &[("floats.u_float20", Value::Float(0.0))]).expect_err("too many").contains("floats.u_float20"));
    assert!(run(COPY, &[("images.image1", Value::Int(1))]).expect_err("no picture").contains("needs IMAGE"));
}

#[test]
fn what_is_wrong_is_told_with_its_line() {
    for (before, main, part) in [
        ("", "o = vec3(1.0);", "line 11: vec3 is assigned to vec4"),
        ("", "o.r = 1;", "int is assigned to float"),
        ("", "o.r = 1.0 + 1;", "`+` does not go with float and int"),
        ("", "o.r = nothing;", "`nothing` is not declared"),
        ("", "o.r = nothing(1.0);", "nothing(float)"),
        ("", "u_resolution.x = 1.0;", "cannot be changed"),
        ("", "o.xx = vec2(1.0);", "twice"),
        ("", "o.r = c.q1;", "has no"),
        ("", "break;", "no loop"),
        ("", "o.r = 1.0", "is expected"),
        ("", "float a[3];", "is expected"),
        ("mat3 m;", "", "no type known"),
        ("struct S { float x; };", "", "no type known"),
        ("#ifdef X\n#endif", "", "not supported"),
        ("#pragma passes 3", "", "one pass"),
        ("float f(float x) { return f(x); }", "", "before this line"),
        ("float f() { return 1; }", "", "gives float, this is int"),
        ("", "for (;;) {}", "loop without end"),
        ("", "while (true) { o.r += 1.0; }", "loop without end"),
        ("", "o.r = 99999999999u;", "cannot be read"),
        ("", "§", "means nothing"),
    ] {
        let message = with(before, main).expect_err(main);
        assert!(message.contains(part), "{main}: {message}");
    }
    let deep = format!("o.r = {}1.0{};", "(".repeat(5000), ")".repeat(5000));
    assert!(with("", &deep).expect_err("deep").contains("nested deeper"));
    let long = format!("o.r = 1.0{};", " + 1.0".repeat(5000));
    assert!(with("", &long).expect_err("long").contains("in one another"));
    let grows: String = (1..40).map(|i| format!("#define A{i} A{0} A{0}\n", i - 1)).collect();
    assert!(with(&format!("#define A0 x x\n{grows}"), "").expect_err("grows").contains("words"));
    assert!(with("", &" ".repeat(70_000)).expect_err("large").contains("bytes"));
}

proptest! {
    #[test]
    fn no_text_makes_reading_panic(text in "[ -~\n]{0,200}") {
        drop(Program::read(&text));
    }

    #[test]
    fn no_words_make_a_shader_panic(words in prop::collection::vec(prop::sample::select(vec![
        "void", "main", "(", ")", "{", "}", "float", "vec2", "int", "uint", "bool", "x", "y", "=", "+=", "+", "*", "/", "%", "<<", "?", ":",
        ";", ",", ".xy", "1.0", "2", "3u", "true", "if", "else", "for", "while", "return", "break", "discard", "out", "in", "uniform", "o", "[", "]",
        "texture", "sampler2D", "clamp", "mix", "++", "-", "!", "~", "void main() {", "out vec4 o;", "#define", "\n", "const",
    ]), 0..60)) {
        let text = words.join(" ");
        if let Ok(program) = Program::read(&text) {
            let mut machine = program.machine(&[], &[]).expect("nothing is told");
            drop(program.pixels(&mut machine, [3, 1], [0, 0], |_, _, _| {}));
        }
    }
}
