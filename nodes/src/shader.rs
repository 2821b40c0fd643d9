//! Pictures computed by a fragment shader, on the processor.

mod compile;
mod lanes;
mod syntax;

use crate::curve::Curve;
use crate::image::{bounded, pixels};
use crate::pixels::Block;
use compile::{OUTPUTS, Program, Told};
use lanes::{LANES, Texture};
use models::Image;
use rayon::prelude::*;
use runtime::node::Extra;
use runtime::{Context, Node, NodeError, Registry, Run, Value, registry};

/// Every node of this file.
pub(crate) fn nodes() -> Registry {
    registry![GLSLShader]
}

/// A shader that copies its picture.
const COPY: &str = "#version 300 es
precision highp float;

uniform sampler2D u_image0;
uniform vec2 u_resolution;

in vec2 v_texCoord;
layout(location = 0) out vec4 fragColor0;

void main() {
    fragColor0 = texture(u_image0, v_texCoord);
}
";

/// Rows between two looks at whether somebody wants it to stop.
const BAND: usize = 32;
const LONGEST_SIDE: u64 = 16_384;
/// How many inputs of each kind there may be: pictures, numbers, whole numbers, yes or no, curves.
const KINDS: [(&str, &str, usize); 5] = [
    ("images.image", "u_image", 5),
    ("floats.u_float", "u_float", 20),
    ("ints.u_int", "u_int", 20),
    ("bools.u_bool", "u_bool", 10),
    ("curves.u_curve", "u_curve", 4),
];

/// Computes pictures with a fragment shader in GLSL ES 3.00.
///
/// What is linked to `images.image0` to `4` is `uniform sampler2D u_image0` to `4` in it, and so are `floats.u_float0`, `ints.u_int0`,
/// `bools.u_bool0` and `curves.u_curve0` (a table of 256 x 1) under their own names. `uniform vec2 u_resolution` is the size of the result,
/// `in vec2 v_texCoord` the place in it. Matrices, arrays, structs, `switch` and several passes are not supported.
#[derive(Node)]
#[node(
    display = "GLSL Shader",
    category = "image/shader",
    experimental,
    outputs(
        IMAGE0 = "What was written to location 0.",
        IMAGE1 = "What was written to location 1.",
        IMAGE2 = "What was written to location 2.",
        IMAGE3 = "What was written to location 3."
    )
)]
struct GLSLShader {
    /// The text of the shader.
    #[input(multiline, default = COPY)]
    fragment_shader: String,
    /// How large the result is: as the first picture, or as said.
    #[input(options = ["from_input", "custom"])]
    size_mode: String,
    /// The width of the result.
    #[input(name = "size_mode.width", when = ("size_mode", &["custom"]), default = 512, min = 1, max = LONGEST_SIDE)]
    width: Option<u64>,
    /// The height of the result.
    #[input(name = "size_mode.height", when = ("size_mode", &["custom"]), default = 512, min = 1, max = LONGEST_SIDE)]
    height: Option<u64>,
    linked: Extra<Value>,
}

impl Run for GLSLShader {
    type Output = (Image, Image, Image, Image);

    fn run(self, cx: &Context) -> Result<Self::Output, NodeError> {
        let program = Program::read(&self.fragment_shader).map_err(|it| NodeError::input("fragment_shader", it.to_string()))?;
        let Linked { mut told, pictures, tables } = linked(&self.linked)?;
        let (_, first) = pictures.first().ok_or_else(|| NodeError::input("images.image0", "at least one picture is needed"))?;
        let (width, height) = match (self.size_mode.as_str(), self.width, self.height) {
            ("custom", Some(width), Some(height)) => (width as usize, height as usize),
            ("custom", ..) => return Err(NodeError::input("size_mode", "`custom` needs a width and a height")),
            _ => (first.width, first.height),
        };
        let batch = first.outer;
        bounded(batch * OUTPUTS, height, width, 4)?;
        if let Some((name, short)) = pictures.iter().find(|(_, it)| it.outer < batch) {
            let message = format!("has {} pictures, the first input has {batch}", short.outer);
            return Err(NodeError::input(name.as_str(), message));
        }
        told.push(("u_resolution".to_owned(), Told::Pair(width as f32, height as f32)));
        if let Some(missing) = program.wishes().find(|it| *it != "u_pass" && told.iter().all(|(name, _)| name != it)) {
            let message = format!("`uniform {missing}` is declared, and nothing of that name is linked");
            return Err(NodeError::input("fragment_shader", message));
        }
        let mut results: [Block; OUTPUTS] = std::array::from_fn(|_| Block::filled(batch, height, width, 4, 0.0));
        for item in 0..batch {
            let of_item = |block: &'_ Block| (block.width, block.height);
            let mut textures: Vec<Texture<'_>> = Vec::with_capacity(pictures.len() + tables.len());
            for (_, block) in &pictures {
                let (width, height) = of_item(block);
                textures.push(Texture { width, height, channels: 4, data: block.item(item) });
            }
            textures.extend(tables.iter().map(|it| Texture { width: it.len(), height: 1, channels: 1, data: it }));
            draw(cx, &program, &told, &textures, [width, height], item, &mut results)?;
        }
        let [a, b, c, d] = results.map(Block::into_image);
        Ok((a, b, c, d))
    }
}

/// What is linked to a shader.
#[derive(Default)]
struct Linked {
    told: Vec<(String, Told)>,
    /// Pictures with four channels, by the names of their inputs. The curves' tables come after them.
    pictures: Vec<(String, Block)>,
    tables: Vec<Vec<f32>>,
}

fn linked(values: &Extra<Value>) -> Result<Linked, NodeError> {
    let mut linked = Linked::default();
    let mut curves = Vec::new();
    for (name, value) in values.iter() {
        let known = KINDS.iter().enumerate().find_map(|(kind, (input, uniform, most))| {
            let number: usize = name.strip_prefix(input)?.parse().ok()?;
            (number < *most).then(|| (kind, format!("{uniform}{number}")))
        });
        let Some((kind, uniform)) = known else {
            let message =
                "there is no such input; there are images.image0, floats.u_float0, ints.u_int0, bools.u_bool0, curves.u_curve0";
            return Err(NodeError::input(name.as_str(), message));
        };
        let of = |wanted: &str| NodeError::input(name.as_str(), format!("needs {wanted}, got {}", value.type_name()));
        let told = match kind {
            0 => {
                let block = pixels(&value.to::<Image>().ok_or_else(|| of("IMAGE"))?, name)?;
                if block.inner < 3 {
                    return Err(NodeError::input(name.as_str(), format!("has {} channels, 3 or 4 are needed", block.inner)));
                }
                linked.pictures.push((name.clone(), block.with_channels(4)));
                Told::Texture(linked.pictures.len() - 1)
            }
            1 => Told::Float(value.to::<f64>().ok_or_else(|| of("FLOAT"))? as f32),
            2 => Told::Int(value.to::<i64>().ok_or_else(|| of("INT"))? as i32),
            3 => Told::Bool(value.to::<bool>().ok_or_else(|| of("BOOLEAN"))?),
            _ => {
                curves.push((uniform, value.to::<Curve>().ok_or_else(|| of("CURVE"))?.table()));
                continue;
            }
        };
        linked.told.push((uniform, told));
    }
    // The size comes from the first picture, whatever the order in the file.
    let mut order: Vec<usize> = (0..linked.pictures.len()).collect();
    order.sort_by(|a, b| linked.pictures[*a].0.cmp(&linked.pictures[*b].0));
    for (_, told) in &mut linked.told {
        if let Told::Texture(at) = told {
            *at = order.iter().position(|it| it == at).unwrap_or_default();
        }
    }
    linked.pictures.sort_by(|a, b| a.0.cmp(&b.0));
    for (uniform, table) in curves {
        linked.told.push((uniform, Told::Texture(linked.pictures.len() + linked.tables.len())));
        linked.tables.push(table);
    }
    Ok(linked)
}

/// Computes the pictures of one item of a batch.
fn draw(
    cx: &Context,
    program: &Program,
    told: &[(String, Told)],
    textures: &[Texture<'_>],
    [width, height]: [usize; 2],
    item: usize,
    results: &mut [Block; OUTPUTS],
) -> Result<(), NodeError> {
    let wrong = |it: syntax::Wrong| NodeError::input("fragment_shader", it.to_string());
    let length = width * 4;
    for top in (0..height).step_by(BAND) {
        cx.check()?;
        let rows = top..height.min(top + BAND);
        let computed: Result<Vec<[Vec<f32>; OUTPUTS]>, syntax::Wrong> = rows
            .into_par_iter()
            .map_init(
                || program.machine(told, textures),
                |machine, row| {
                    let machine = machine.as_mut().map_err(|it| it.clone())?;
                    let mut lines: [Vec<f32>; OUTPUTS] = std::array::from_fn(|_| vec![0.0; length]);
                    for column in (0..width).step_by(LANES) {
                        // Shaders count rows from below.
                        program.pixels(machine, [width, height], [column, height - 1 - row], |output, i, colour| {
                            lines[output][(column + i) * 4..][..4].copy_from_slice(&colour);
                        })?;
                    }
                    Ok(lines)
                },
            )
            .collect();
        for (row, lines) in (top..).zip(computed.map_err(wrong)?) {
            for (result, line) in results.iter_mut().zip(lines) {
                let at = result.at(item, row, 0);
                result.data[at..at + length].copy_from_slice(&line);
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
