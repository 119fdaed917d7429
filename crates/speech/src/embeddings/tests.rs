//! A tiny model that the tests make themselves, in every form that a file may have.

use std::collections::HashMap;
use std::path::PathBuf;

use safetensors::Dtype;
use safetensors::tensor::TensorView;
use tempfile::TempDir;

use super::*;

/// Tokens and their vectors: what belongs together points the same way.
const TOKENS: [(&str, [f32; 3]); 7] = [
    ("[UNK]", [9.0, 9.0, 9.0]),
    ("website", [1.0, 0.0, 0.0]),
    ("home", [1.0, 0.25, 0.0]),
    ("##page", [1.0, 0.0, 0.25]),
    ("invoice", [0.0, 1.0, 0.0]),
    ("late", [0.0, 0.5, 0.5]),
    ("the", [0.0, 0.0, 0.125]),
];

fn tokenizer() -> String {
    let entries: Vec<String> =
        TOKENS.iter().enumerate().map(|(number, (token, _))| format!("{token:?}:{number}")).collect();
    format!(
        r###"{{"version":"1.0","truncation":null,"padding":null,"added_tokens":[],
            "normalizer":{{"type":"BertNormalizer","clean_text":true,"handle_chinese_chars":true,
                           "strip_accents":null,"lowercase":true}},
            "pre_tokenizer":{{"type":"BertPreTokenizer"}},"post_processor":null,"decoder":null,
            "model":{{"type":"WordPiece","unk_token":"[UNK]","continuing_subword_prefix":"##",
                      "max_input_chars_per_word":100,"vocab":{{{}}}}}}}"###,
        entries.join(",")
    )
}

/// A tensor: its name, the type of its numbers, its shape, its bytes.
type Tensor = (&'static str, Dtype, Vec<usize>, Vec<u8>);

fn vectors(scale: f32) -> Tensor {
    let numbers = TOKENS.iter().flat_map(|(_, vector)| vector);
    let bytes = numbers.flat_map(|number| (number * scale).to_le_bytes()).collect();
    ("embeddings", Dtype::F32, vec![TOKENS.len(), 3], bytes)
}

fn folder_of(tensors: &[Tensor]) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("tokenizer.json"), tokenizer()).unwrap();
    let views: HashMap<&str, TensorView<'_>> = tensors
        .iter()
        .map(|(name, dtype, shape, bytes)| (*name, TensorView::new(*dtype, shape.clone(), bytes).unwrap()))
        .collect();
    let file = safetensors::serialize(views, None).unwrap();
    std::fs::write(folder.path().join("model.safetensors"), file).unwrap();
    folder
}

async fn embedded(model: &LocalEmbeddings, texts: &[&str]) -> Vec<Vec<f32>> {
    let texts: Vec<String> = texts.iter().map(|text| (*text).to_owned()).collect();
    model.embed(&texts).await.unwrap()
}

fn nearness(a: &[f32], b: &[f32]) -> f32 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

fn is_about(vector: &[f32], expect: [f32; 3]) -> bool {
    let length = expect.iter().map(|number| number * number).sum::<f32>().sqrt();
    vector.len() == 3
        && vector.iter().zip(expect).all(|(found, wanted)| (found - wanted / length).abs() < 1e-5)
}

#[tokio::test]
async fn a_text_is_the_mean_of_its_tokens_and_of_length_one() {
    let folder = folder_of(&[vectors(1.0)]);
    let model = LocalEmbeddings::open(folder.path());
    assert_eq!((model.readiness(), model.dimensions()), (Readiness::Ready, 3));
    let made =
        embedded(&model, &["Website", "the HOMEPAGE", "website zebra website", "the invoice, late"]).await;
    assert!(is_about(&made[0], [1.0, 0.0, 0.0]), "{made:?}");
    assert!(is_about(&made[1], [2.0, 0.25, 0.375]), "words are cut into the tokens that there are: {made:?}");
    assert!(is_about(&made[2], [1.0, 0.0, 0.0]), "what is not known counts nothing: {made:?}");
    assert!(is_about(&made[3], [0.0, 1.5, 0.625]), "{made:?}");
    assert!(nearness(&made[0], &made[1]) > 0.9 && nearness(&made[0], &made[3]) < 0.1);
    assert!(model.embed(&[]).await.unwrap().is_empty());
}

#[tokio::test]
async fn every_form_of_a_file_is_read_alike() {
    let (_, _, shape, plain) = vectors(1.0);
    let numbers: Vec<f32> = plain.as_chunks().0.iter().map(|&bytes| f32::from_le_bytes(bytes)).collect();
    // All of them are sums of few powers of two.
    let half =
        |number: &f32| ((number.to_bits() >> 13 & 0x03FF) | ((number.to_bits() >> 23) - 112) << 10) as u16;
    let halves =
        numbers.iter().flat_map(|n| if *n == 0.0 { [0, 0] } else { half(n).to_le_bytes() }).collect();
    let bytes = numbers.iter().map(|number| (number * 8.0) as u8).collect();
    let reversed: Vec<u8> = plain.chunks(12).rev().flatten().copied().collect();
    let mapping = |count: i64| (0..count).rev();
    let ones = |count: usize| vec![1.0_f64; count].into_iter().flat_map(f64::to_le_bytes).collect();
    let all: [Vec<Tensor>; 5] = [
        vec![("embedding.weight", Dtype::F16, shape.clone(), halves)],
        vec![("embeddings", Dtype::I8, shape.clone(), bytes)],
        vec![
            ("embeddings", Dtype::F32, shape.clone(), reversed.clone()),
            ("mapping", Dtype::I64, vec![7], mapping(7).flat_map(i64::to_le_bytes).collect()),
        ],
        vec![
            ("embeddings", Dtype::F32, shape.clone(), reversed),
            ("mapping", Dtype::I32, vec![7], mapping(7).flat_map(|n| (n as i32).to_le_bytes()).collect()),
        ],
        vec![vectors(3.0), ("weights", Dtype::F64, vec![7], ones(7))],
    ];
    let folder = folder_of(&[vectors(1.0)]);
    let text = "The homepage is late";
    let expect = embedded(&LocalEmbeddings::open(folder.path()), &[text]).await;
    for tensors in all {
        let folder = folder_of(&tensors);
        let model = LocalEmbeddings::open(folder.path());
        assert_eq!(model.readiness(), Readiness::Ready, "{:?}", tensors[0].1);
        let made = embedded(&model, &[text]).await;
        assert!(nearness(&made[0], &expect[0]) > 0.999_9, "{:?}: {made:?} {expect:?}", tensors[0].1);
    }
    // A weight of nothing silences a token.
    let mut weights = vec![1.0_f32; 7];
    weights[1] = 0.0;
    let silent = ("weights", Dtype::F32, vec![7], weights.into_iter().flat_map(f32::to_le_bytes).collect());
    let folder = folder_of(&[vectors(1.0), silent]);
    let made = embedded(&LocalEmbeddings::open(folder.path()), &["website invoice"]).await;
    assert!(is_about(&made[0], [0.0, 1.0, 0.0]), "{made:?}");
}

#[tokio::test]
async fn a_text_without_meaning_or_end_is_refused_by_its_number() {
    let folder = folder_of(&[vectors(1.0)]);
    let model = LocalEmbeddings::open(folder.path());
    for (text, expect) in [
        ("", "text 1 has nothing"),
        ("zebra", "text 1 has nothing"),
        (&"a ".repeat(MOST_BYTES), "text 1 is longer"),
    ] {
        let error = model.embed(&["website".to_owned(), text.to_owned()]).await.unwrap_err();
        assert!(
            matches!(&error, ProviderError::Invalid { reason, .. } if reason.contains(expect)),
            "{error}"
        );
    }
}

#[test]
fn a_folder_that_is_no_model_names_the_file_at_fault() {
    let said = |change: &dyn Fn(&PathBuf)| {
        let folder = folder_of(&[vectors(1.0)]);
        change(&folder.path().to_owned());
        match LocalEmbeddings::open(folder.path()).readiness() {
            Readiness::Missing { what, .. } => what,
            Readiness::Ready => panic!("it is a model"),
        }
    };
    let (tokens, tensors) = ("tokenizer.json", "model.safetensors");
    let removed =
        |name: &'static str| move |folder: &PathBuf| std::fs::remove_file(folder.join(name)).unwrap();
    let written = |name: &'static str, text: &'static str| {
        move |folder: &PathBuf| std::fs::write(folder.join(name), text).unwrap()
    };
    for (found, file, why) in [
        (said(&removed(tokens)), tokens, "can't be read"),
        (said(&removed(tensors)), tensors, "can't be read"),
        (said(&written(tokens, "{}")), tokens, "is not of a static model"),
        (said(&written(tensors, "no tensors")), tensors, "no safetensors file"),
    ] {
        assert!(found.contains(file) && found.contains(why), "{found}");
    }
    let other = |tensors: &[Tensor]| {
        let folder = folder_of(tensors);
        LocalEmbeddings::open(folder.path()).model.err().expect("no model").to_string()
    };
    let (_, _, _, bytes) = vectors(1.0);
    for (tensors, why) in [
        (vec![("something", Dtype::F32, vec![7, 3], bytes.clone())], "no tensor named embeddings"),
        (vec![("embeddings", Dtype::F32, vec![21], bytes.clone())], "no table"),
        (vec![("embeddings", Dtype::I32, vec![7, 3], bytes.clone())], "F32, F16 and I8"),
        (vec![("embeddings", Dtype::F32, vec![6, 3], bytes[..72].to_vec())], "7 tokens"),
    ] {
        let found = other(&tensors);
        assert!(found.contains(why) && found.contains("model.safetensors"), "{found}");
    }
    assert_eq!(LocalEmbeddings::open(Path::new("")).model.err(), Some(UnusableFolder::Unset));
}

#[test]
fn a_model_has_a_name_that_changes_with_it() {
    let (one, other) = (folder_of(&[vectors(1.0)]), folder_of(&[vectors(2.0)]));
    let name = |folder: &TempDir| LocalEmbeddings::open(folder.path()).model().to_owned();
    assert_eq!(name(&one), name(&one));
    let ends = |folder: &TempDir| name(folder).rsplit('/').take(2).collect::<Vec<_>>().join(" ");
    assert!(ends(&one) != ends(&other) && name(&one).starts_with("local/") && name(&one).ends_with("/3"));
}
