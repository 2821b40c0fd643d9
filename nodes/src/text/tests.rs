use super::*;
use runtime::node::{Inputs, Slot};
use runtime::{Event, Executor, Job, Outcome, Policy};
use serde_json::{Value as Json, json};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// Runs a class with these inputs; widgets that are not given have their defaults. Gives its outputs, or the message of its error.
fn outputs(class: &str, given: &Json) -> Result<Vec<Json>, String> {
    let (spec, node) = nodes().class(class).expect("a class of this file");
    let given = given.as_object().expect("inputs by name");
    let mut slots: Vec<_> = given.iter().map(|(name, json)| (name.clone(), Slot::Values(vec![Value::from_json(json)]))).collect();
    for input in spec.inputs.iter().filter(|it| !given.contains_key(&it.name)) {
        if let Some(default) = input.config(&nodes())[1].get("default") {
            slots.push((input.name.clone(), Slot::Values(vec![Value::from_json(default)])));
        }
    }
    let outcome = node.run(Inputs::new(spec, slots), &Context::alone(Job::default())).map_err(|it| it.to_string())?;
    let Outcome::Values(values) = outcome else { panic!("{class} gave no values") };
    Ok(values
        .iter()
        .map(|list| match &list[0] {
            Value::Int(whole) => json!(i64::try_from(*whole).unwrap()),
            Value::Float(real) => json!(real),
            Value::Bool(truth) => json!(truth),
            other => json!(other.to_string()),
        })
        .collect())
}

fn output(class: &str, given: Json) -> Json {
    outputs(class, &given).unwrap_or_else(|it| panic!("{class} {given}: {it}")).swap_remove(0)
}

fn error(class: &str, given: Json) -> String {
    outputs(class, &given).expect_err("this must fail")
}

#[test]
fn positions_count_characters_and_negative_ones_from_the_end() {
    let cut = |start: i64, end: i64| output("StringSubstring", json!({"string": "aé漢😀z", "start": start, "end": end}));
    for (start, end, expected) in [
        (0, 0, ""),
        (1, 3, "é漢"),
        (-2, 99, "😀z"),
        (0, -1, "aé漢😀"),
        (3, 1, ""),
        (-99, 2, "aé"),
        (i64::MIN, i64::MAX, "aé漢😀z"),
    ] {
        assert_eq!(cut(start, end), expected, "{start}:{end}");
    }
    assert_eq!(output("StringLength", json!({"string": "aé漢😀z"})), 5);
}

#[test]
fn letters_change_case_as_in_python() {
    for (mode, text, expected) in [
        ("UPPERCASE", "straße ΰ", "STRASSE \u{3a5}\u{308}\u{301}"),
        ("lowercase", "ΟΔΟΣ İ", "οδος i̇"),
        ("Capitalize", "ßA ΟΔΟΣ", "Ssa οδος"),
        ("Title Case", "they're ΟΔΟΣ 3ﬁne ǆa აბ ᾳᾴ", "They'Re Οδος 3Fine ǅa აბ ᾼᾴ"),
    ] {
        assert_eq!(output("CaseConverter", json!({"string": text, "mode": mode})), expected, "{mode}");
    }
}

#[test]
fn trimming_takes_every_kind_of_space() {
    let trim = |mode: &str| output("StringTrim", json!({"string": "\u{1f}\u{a0}\t a b \u{3000}\n", "mode": mode}));
    assert_eq!([trim("Both"), trim("Left"), trim("Right")], ["a b", "a b \u{3000}\n", "\u{1f}\u{a0}\t a b"]);
}

#[test]
fn texts_are_joined_replaced_and_compared() {
    assert_eq!(output("StringConcatenate", json!({"string_a": "a", "string_b": "b", "delimiter": ", "})), "a, b");
    assert_eq!(output("StringReplace", json!({"string": "aXbX", "find": "X", "replace": "$1"})), "a$1b$1");
    assert_eq!(output("StringReplace", json!({"string": "ab", "find": "", "replace": "-"})), "-a-b-");
    assert_eq!(output("StringContains", json!({"string": "A cat", "substring": "CAT"})), false);
    assert_eq!(output("StringContains", json!({"string": "A cat", "substring": "CAT", "case_sensitive": false})), true);
    let compare = |mode: &str| output("StringCompare", json!({"string_a": "Tomcat", "string_b": "CAT", "mode": mode}));
    let folded = |mode: &str| {
        output("StringCompare", json!({"string_a": "Tomcat", "string_b": "CAT", "mode": mode, "case_sensitive": false}))
    };
    assert_eq!([compare("Ends With"), folded("Ends With"), folded("Starts With"), folded("Equal")], [false, true, false, false]);
}

#[test]
fn a_text_that_would_fill_memory_is_refused() {
    let long = "a".repeat(1 << 16);
    for (class, given) in [
        ("StringReplace", json!({"string": long, "find": "", "replace": long})),
        ("RegexReplace", json!({"string": long, "regex_pattern": "", "replace": long})),
    ] {
        let message = error(class, given);
        assert!(message.contains("are the most"), "{message}");
    }
}

#[test]
fn expressions_extract_as_in_python() {
    // (pattern, mode, group, text) and what Python's `re` makes of them.
    for (pattern, mode, group, text, expected) in [
        (r"\d+", "First Match", 1, "a 12 b 3", "12"),
        (r"\d+", "All Matches", 1, "a 12 b 3", "12\n3"),
        (r"(\w)(\d)", "All Matches", 2, "a1 b2", "a\nb"),
        (r"(\w)(\d)", "First Group", 2, "a1 b2", "1"),
        (r"(\w)(\d)", "All Groups", 2, "a1 b2", "1\n2"),
        (r"(\w)(\d)", "All Groups", 3, "a1 b2", ""),
        (r"(\w)(\d)", "First Group", 0, "a1 b2", "a1"),
        (r"\w\d", "All Groups", 0, "a1 b2", ""),
        (r"(x)|a", "All Groups", 1, "a", ""),
        (r"z", "First Match", 1, "a", ""),
        ("|a", "All Matches", 1, "aa", "\na\n\na\n"),
        (r"(?P<q>['\x22]).*?(?P=q)", "First Match", 1, r#"say "it's" now"#, r#""it's""#),
        (r"(a)(?P<b>b)\1\2", "First Match", 1, "abab", "abab"),
        (r"\<lora:(.+?)\>", "First Group", 1, "a <lora:x:1>", "x:1"),
        (r"{(\w+)}", "All Groups", 1, "{a} {b}", "a\nb"),
        ("[[&&~]+", "First Match", 1, "a[&~[b", "[&~["),
        ("[]a-]+", "First Match", 1, "x]-ay", "]-a"),
        (r"a{,2}$", "First Match", 1, "aaa\n", "aa"),
        (r"a\Z", "First Match", 1, "a\n", ""),
        (r"(?x) a b # (c)", "First Match", 1, "AB", "AB"),
        (r"a(?#[b)c", "First Match", 1, "ac", "ac"),
        (r"\141\x62\0?\u0063", "First Match", 1, "abc", "abc"),
        (r"(?<=é)\b.", "First Match", 1, "é漢 é-", "-"),
    ] {
        let given = json!({"string": text, "regex_pattern": pattern, "mode": mode, "group_index": group});
        assert_eq!(output("RegexExtract", given), expected, "{pattern} {mode}");
    }
}

#[test]
fn switches_of_expressions_are_obeyed() {
    let matches = |pattern: &str, switch: &str, on: bool| {
        output("RegexMatch", json!({"string": "A\nb", "regex_pattern": pattern, switch: on}))
    };
    assert_eq!([matches("a", "case_insensitive", true), matches("a", "case_insensitive", false)], [true, false]);
    assert_eq!([matches("^b", "multiline", true), matches("^b", "multiline", false)], [true, false]);
    assert_eq!([matches("A.b", "dotall", true), matches("A.b", "dotall", false)], [true, false]);
}

#[test]
fn replacements_are_those_of_python() {
    for (pattern, replacement, text, count, expected) in [
        (r"(\w+) (\w+)", r"\2 \g<1>!", "a b", 0, "b a!"),
        (r"(?P<x>a)", r"[\g<x>\g<0>]", "aa", 1, "[aa]a"),
        ("x*", "-", "abxd", 0, "-a-b--d-"),
        ("b", r"$1\\\n\.", "abc", 0, "a$1\\\n\\.c"),
        ("(a)|b", r"<\1>", "ab", 0, "<a><>"),
        ("", "-", "é漢", 0, "-é-漢-"),
        ("a", r"\101\0", "a", 0, "A\0"),
    ] {
        let given = json!({"string": text, "regex_pattern": pattern, "replace": replacement, "count": count});
        assert_eq!(output("RegexReplace", given), expected, "{pattern} {replacement}");
    }
}

#[test]
fn what_cannot_be_read_is_named() {
    let replace =
        |pattern: &str, with: &str| error("RegexReplace", json!({"string": "a", "regex_pattern": pattern, "replace": with}));
    assert!(replace("(a", "").starts_with("input `regex_pattern`: it cannot be read: "), "{}", replace("(a", ""));
    assert_eq!(replace("a", r"\1"), "input `replace`: there is no group 1; the expression has 0");
    assert_eq!(replace("a", r"\g<x>"), "input `replace`: the expression has no group `x`");
    assert_eq!(replace("a", r"\q"), r"input `replace`: there is no escape `\q`");
    assert_eq!(replace("(?a)a", ""), "input `regex_pattern`: there is no flag `a`; there are i, m, s, u, x");
}

#[test]
fn hostile_expressions_end_with_an_error() {
    let begin = Instant::now();
    let text = format!("{}!", "a".repeat(5000));
    for pattern in [r"(a|aa)+\1$".to_owned(), format!("{}a{}", "(".repeat(5000), ")".repeat(5000)), "(a{1000}){1000}".to_owned()]
    {
        let message = error("RegexMatch", json!({"string": text, "regex_pattern": pattern}));
        assert!(message.contains("given up") || message.contains("cannot be read"), "{message}");
    }
    assert!(begin.elapsed() < Duration::from_secs(60), "{:?}", begin.elapsed());
}

#[test]
fn any_value_is_shown_as_text() {
    for (value, expected) in [
        (Value::String("a\nb".into()), "a\nb"),
        (Value::Int(-3), "-3"),
        (Value::Float(1e16), "1e+16"),
        (Value::Float(0.00001), "1e-05"),
        (Value::Float(2.0), "2.0"),
        (Value::Float(f64::NAN), "nan"),
        (Value::Bool(true), "True"),
        (Value::from_json(&Json::Null), "None"),
        (Value::from_json(&json!([1, {"a": [], "b": "é"}])), r#"[1, {"a": [], "b": "é"}]"#),
    ] {
        assert_eq!(shown(&value).unwrap(), expected);
    }
}

#[test]
fn numbers_are_converted_or_refused() {
    let convert = |value: Json| outputs("ComfyNumberConvert", &json!({"value": value}));
    assert_eq!(convert(json!(" -2.7 ")).unwrap(), [json!(-2.7), json!(-2)]);
    assert_eq!(convert(json!("9007199254740993")).unwrap()[1], 9_007_199_254_740_993_i64);
    assert_eq!(convert(json!(true)).unwrap(), [json!(1.0), json!(1)]);
    assert_eq!(convert(json!("two")).unwrap_err(), "input `value`: `two` is no number");
    assert!(convert(json!("1e30")).unwrap_err().contains("does not fit"));
}

#[test]
fn formulas_are_computed() {
    let compute =
        |formula: &str| outputs("ComfyMathExpression", &json!({"expression": formula, "values.a": 7, "values.b": -2.5}));
    for (formula, real, whole) in [
        ("a + b", 4.5, 4_i64),
        ("-a // 2", -4.0, -4),
        ("-a % 3", 2.0, 2),
        ("2 ** -1 ** 2", 0.5, 0),
        ("-2 ** 2", -4.0, -4),
        ("a / 2 * (1 + 1)", 7.0, 7),
        ("1 < a <= 7 and not b > 0", 1.0, 1),
        ("a / 0 if b > 0 else 1e1", 10.0, 10),
        ("0 or b", -2.5, -2),
        ("max(values) + min(a, b, -.5e1) + sum(values)", 6.5, 6),
        ("round(2.5) + round(2.345, 1) + ceil(b) + floor(b) + int(b)", -2.7, -2),
        ("sqrt(16) + log(e) + log2(8) + cos(0) + abs(b)", 11.5, 11),
        ("9007199254740993 - 1", 9_007_199_254_740_992.0, 9_007_199_254_740_992),
    ] {
        let result = compute(formula).unwrap();
        assert_eq!((result[0].as_f64().unwrap(), &result[1]), (real, &json!(whole)), "{formula}");
        assert_eq!(result[2], json!(real != 0.0));
    }
    for (formula, message) in [
        ("a +", "something is missing at the end"),
        ("a b", "`b` is not expected there"),
        ("(a", "needs `)` at the end"),
        ("c", "there is no value `c`; linked are: a, b"),
        ("a.real", "`.` is no number"),
        ("a % 0", "the right side of `%` is zero"),
        ("2 ** 2 ** 99", "a number becomes too large"),
        ("sqrt(b)", "`sqrt` has no value at -2.5"),
        ("open(1, 2)", "there is no function `open` of 2 numbers"),
        ("__import__", "there is no value `__import__`; linked are: a, b"),
        (&"(".repeat(10_000), "it nests deeper than 64"),
        (&"not ".repeat(4_000), "it nests deeper than 64"),
        (&"-".repeat(4_000), "it nests deeper than 64"),
    ] {
        assert_eq!(compute(formula).unwrap_err(), format!("input `expression`: {message}"), "{formula:.20}");
    }
}

#[test]
fn a_switch_asks_only_for_the_value_that_it_passes_on() {
    let (spec, node) = nodes().class("ComfySwitchNode").expect("a class of this file");
    let cx = Context::alone(Job::default());
    for (switch, chosen) in [(true, "on_true"), (false, "on_false")] {
        let inputs = |answered: bool| {
            let slot = |name| if answered && name == chosen { Slot::Values(vec![Value::Int(5)]) } else { Slot::Waiting };
            let switch = Slot::Values(vec![Value::Bool(switch)]);
            let slots = [("switch", switch), ("on_false", slot("on_false")), ("on_true", slot("on_true"))];
            Inputs::new(spec.clone(), slots.map(|(name, slot)| (name.to_owned(), slot)).into())
        };
        assert_eq!(node.needs(&inputs(false), &cx).unwrap(), [chosen]);
        assert!(node.needs(&inputs(true), &cx).unwrap().is_empty());
        let Ok(Outcome::Values(values)) = node.run(inputs(true), &cx) else { panic!("{chosen} is not passed on") };
        assert_eq!(values[0][0].to::<i64>(), Some(5));
    }
}

/// Runs a prompt as a user sends it. Gives what its nodes show.
fn texts(prompt: &Json) -> Vec<String> {
    let registry = Arc::new(nodes());
    let checked = graph::validate(graph::read(prompt, &*registry, 0).expect("readable"), &*registry, None);
    assert!(checked.problems.is_empty(), "{:?}", checked.problems);
    let heard = Arc::new(Mutex::new(Vec::new()));
    let shown = heard.clone();
    let job = Job::default().heard_by(move |event| {
        if let Event::Shown { shown: all, .. } = event {
            let texts = all.iter().filter_map(|it| if let Shown::Text(text) = it { Some(text.clone()) } else { None });
            shown.lock().unwrap().extend(texts);
        }
    });
    Executor::new(registry, Policy::default()).run(checked.graph, &checked.runnable, &Arc::new(job)).expect("nothing fails");
    heard.lock().unwrap().clone()
}

#[test]
fn a_prompt_of_values_texts_and_a_switch_runs() {
    let prompt = json!({
        "a": {"class_type": "PrimitiveInt", "inputs": {"value": 6}},
        "b": {"class_type": "PrimitiveFloat", "inputs": {"value": 0.5}},
        "formula": {
            "class_type": "ComfyMathExpression",
            "inputs": {"expression": "a * b > 2", "values.a": ["a", 0], "values.b": ["b", 0]}
        },
        "text": {"class_type": "CaseConverter", "inputs": {"string": "a cat", "mode": "Title Case"}},
        // It would fail, but the switch does not ask for it.
        "broken": {"class_type": "RegexReplace", "inputs": {"string": "a", "regex_pattern": "(", "replace": ""}},
        "switch": {
            "class_type": "ComfySwitchNode",
            "inputs": {"switch": ["formula", 2], "on_false": ["broken", 0], "on_true": ["text", 0]}
        },
        "show": {"class_type": "PreviewAny", "inputs": {"source": ["switch", 0]}},
    });
    assert_eq!(texts(&prompt), ["A Cat"]);
}
