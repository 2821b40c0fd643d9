//! Which token follows, of those that may.
//!
//! Reference: transformers 5.23 `generation/logits_process.py`; presence and frequency as OpenAI's interface documents them.

use crate::Stop;
use crate::sampling::noise::Generator;

/// How the next token is chosen. The steps are applied in the order of the fields.
#[derive(Clone, Debug, PartialEq)]
pub struct Choosing {
    /// Above 1, tokens that were read or written become less likely: positive numbers are divided by it, others multiplied.
    pub repetition: f32,
    /// Taken from the number of each token that was written.
    pub presence: f32,
    /// The same for each time.
    pub frequency: f32,
    /// Numbers are divided by it; 0 always takes the likeliest token.
    pub temperature: f32,
    /// So many of the likeliest tokens stay; 0 keeps all.
    pub top_k: usize,
    /// The likeliest tokens stay that together are at least this likely; 1 keeps all.
    pub top_p: f32,
    /// Tokens stay that are at least this likely in parts of the likeliest; 0 keeps all.
    pub min_p: f32,
    /// What decides between those that stay.
    pub seed: u64,
}

impl Default for Choosing {
    fn default() -> Self {
        Self { repetition: 1.0, presence: 0.0, frequency: 0.0, temperature: 0.0, top_k: 0, top_p: 1.0, min_p: 0.0, seed: 0 }
    }
}

impl Choosing {
    /// Says which number makes no sense.
    ///
    /// # Errors
    /// [`Stop::Unfit`] names it.
    pub fn check(&self) -> Result<(), Stop> {
        let within = [
            ("temperature", self.temperature, 0.0, 100.0),
            ("top_p", self.top_p, 0.0, 1.0),
            ("min_p", self.min_p, 0.0, 1.0),
            ("repetition_penalty", self.repetition, 0.01, 100.0),
            ("presence_penalty", self.presence, -100.0, 100.0),
            ("frequency_penalty", self.frequency, -100.0, 100.0),
        ];
        match within.into_iter().find(|(_, it, least, most)| !(*least..=*most).contains(it)) {
            Some((name, it, least, most)) => Err(Stop::Unfit(format!("{name} is {it}: {least} to {most} makes sense"))),
            None => Ok(()),
        }
    }

    /// How likely each token is, of the numbers that a model gave; `read` are all tokens so far, `written` those of them that it wrote.
    pub(super) fn likelihoods(&self, mut scores: Vec<f32>, read: &[u32], written: &[u32]) -> Vec<f32> {
        let known = |token: &u32| (*token as usize) < scores.len();
        let mut seen: Vec<u32> = read.iter().copied().filter(known).collect();
        seen.sort_unstable();
        seen.dedup();
        if self.repetition != 1.0 {
            for token in &seen {
                let score = &mut scores[*token as usize];
                *score = if *score > 0.0 { *score / self.repetition } else { *score * self.repetition };
            }
        }
        if (self.presence, self.frequency) != (0.0, 0.0) {
            for token in seen {
                let times = written.iter().filter(|it| **it == token).count();
                if times > 0 {
                    scores[token as usize] -= self.presence + self.frequency * times as f32;
                }
            }
        }
        if self.temperature > 0.0 {
            scores.iter_mut().for_each(|it| *it /= self.temperature);
        }
        let count = scores.len();
        if self.temperature == 0.0 {
            // Of several that are alike the first one, as everywhere. A step of a small model takes less time than sorting them all.
            let first = scores.iter().enumerate().fold(0, |best, (at, it)| if *it > scores[best] { at } else { best });
            let mut likely = vec![0.0; count];
            likely.get_mut(first).into_iter().for_each(|it| *it = 1.0);
            return likely;
        }
        if self.top_k > 0 && self.top_k < count {
            let mut some = scores.clone();
            let (_, least, _) = some.select_nth_unstable_by(self.top_k - 1, |a, b| b.total_cmp(a));
            let least = *least;
            scores.iter_mut().filter(|it| **it < least).for_each(|it| *it = f32::NEG_INFINITY);
        }
        if self.top_p < 1.0 {
            let likely = softmax(&scores);
            // All that are rarer than this are together less than what may go, so none of them is among those that stay.
            let rare = (1.0 - self.top_p) / count as f32;
            let mut order: Vec<usize> = (0..count).filter(|it| likely[*it] >= rare).collect();
            order.sort_by(|a, b| likely[*b].total_cmp(&likely[*a]));
            let mut stays = vec![false; count];
            let mut sum = 0.0_f64;
            for (place, token) in order.into_iter().enumerate() {
                // The first one always stays.
                if place > 0 && sum >= f64::from(self.top_p) {
                    break;
                }
                stays[token] = true;
                sum += f64::from(likely[token]);
            }
            scores.iter_mut().zip(stays).filter(|it| !it.1).for_each(|it| *it.0 = f32::NEG_INFINITY);
        }
        if self.min_p > 0.0 {
            let likely = softmax(&scores);
            let most = likely.iter().copied().fold(0.0, f32::max);
            scores.iter_mut().zip(&likely).filter(|it| *it.1 < self.min_p * most).for_each(|it| *it.0 = f32::NEG_INFINITY);
        }
        softmax(&scores)
    }
}

fn softmax(scores: &[f32]) -> Vec<f32> {
    let most = scores.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let mut likely: Vec<f32> = scores.iter().map(|it| (it - most).exp()).collect();
    let sum: f32 = likely.iter().sum();
    likely.iter_mut().for_each(|it| *it /= sum);
    likely
}

/// Takes a token, each as often as it is likely: the generator is PyTorch's, its numbers `torch.rand` of f64.
pub(super) fn taken(likely: &[f32], generator: &mut Generator) -> u32 {
    let mut rest = generator.uniform_double() * likely.iter().map(|it| f64::from(*it)).sum::<f64>();
    let mut last = 0;
    for (token, it) in likely.iter().enumerate().filter(|it| *it.1 > 0.0) {
        last = token;
        rest -= f64::from(*it);
        if rest < 0.0 {
            break;
        }
    }
    last as u32
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::golden::Golden;

    #[test]
    fn what_stays_is_as_likely_as_transformers_has_it() {
        let golden = Golden::open("language", "sampling");
        let list = |name: &str| golden.tensor::<1>(name).into_data().iter::<f32>().collect::<Vec<f32>>();
        let read: Vec<u32> = list("read").into_iter().map(|it| it as u32).collect();
        let plain = Choosing { temperature: 1.0, ..Choosing::default() };
        for (name, choosing) in [
            ("temperature", Choosing { temperature: 0.6, ..plain.clone() }),
            ("top_k", Choosing { top_k: 7, ..plain.clone() }),
            ("top_p", Choosing { top_p: 0.8, ..plain.clone() }),
            ("min_p", Choosing { min_p: 0.05, ..plain.clone() }),
            ("repetition", Choosing { repetition: 1.4, ..plain.clone() }),
            ("all", Choosing { repetition: 1.1, temperature: 0.9, top_k: 20, top_p: 0.95, min_p: 0.02, ..plain }),
        ] {
            let (found, wanted) = (choosing.likelihoods(list("scores"), &read, &[]), list(name));
            let worst = found.iter().zip(&wanted).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
            assert!(worst < 1e-6, "{name}: {worst}");
            assert_eq!(found.iter().filter(|it| **it > 0.0).count(), wanted.iter().filter(|it| **it > 0.0).count(), "{name}");
        }
        let greedy = Choosing::default().likelihoods(vec![0.0, 2.0, 1.0, 2.0], &[], &[]);
        assert_eq!(greedy, [0.0, 1.0, 0.0, 0.0]);
        let nothing = Choosing { temperature: 1.0, top_p: 0.0, ..Choosing::default() }.likelihoods(vec![0.0, 2.0, 1.0], &[], &[]);
        assert_eq!(nothing, [0.0, 1.0, 0.0], "the likeliest stays");
        let bored = Choosing { presence: 1.0, frequency: 0.75, ..Choosing::default() };
        assert_eq!(bored.likelihoods(vec![0.0, 2.0, 1.0], &[1, 1], &[1]), [0.0, 0.0, 1.0], "2 - 1.75 is less than 1");
        assert_eq!(bored.likelihoods(vec![0.0, 2.0, 1.0], &[1, 1], &[]), [0.0, 1.0, 0.0], "what was only read is free");
    }

    #[test]
    fn tokens_are_taken_as_often_as_they_are_likely() {
        let likely = [0.5, 0.0, 0.125, 0.375];
        let mut generator = Generator::new(5);
        let mut counts = [0; 4];
        for _ in 0..8000 {
            counts[taken(&likely, &mut generator) as usize] += 1;
        }
        for (count, likely) in counts.into_iter().zip(likely) {
            assert!((f64::from(count) / 8000.0 - f64::from(likely)).abs() < 0.02, "{counts:?}");
        }
    }

    #[test]
    fn numbers_without_sense_are_named() {
        let error = Choosing { top_p: 1.5, ..Choosing::default() }.check().unwrap_err().to_string();
        assert!(error.contains("top_p is 1.5"), "{error}");
        assert!(Choosing { temperature: f32::NAN, ..Choosing::default() }.check().is_err());
        Choosing::default().check().unwrap();
    }
}
