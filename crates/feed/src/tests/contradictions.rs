//! Two certified blocks of one height: the end, with both.

use alloy_primitives::B256;
use sluice_ordering::{Event, Evidence};
use sluice_types::{Certificate, Height, OrderedBlock, Severity};

use super::rig::*;
use crate::{Contradiction, Error, Solo, Start};

/// The same chain up to a height, and others above.
fn fork(blocks: &[OrderedBlock], from: usize) -> Vec<OrderedBlock> {
    let mut other = blocks.to_vec();
    for index in from..other.len() {
        other[index].timestamp_ms += 1_000;
        other[index].parent = other[index - 1].hash();
    }
    other
}

fn contradiction(error: Error) -> Contradiction {
    assert_eq!(error.severity(), Severity::Fatal);
    let Error::Contradiction(contradiction) = error else { panic!("{error}") };
    *contradiction
}

#[tokio::test]
async fn a_second_certified_block_of_the_last_height_ends_it_with_both_certificates_and_evidence() {
    let blocks = chain(5);
    let other = fork(&blocks, 4);
    // Its certificate may also be of a block above.
    let above = {
        let mut longer = other.clone();
        longer.push(block(6, other[4].hash(), 10));
        longer
    };
    for (theirs, by) in [(other.clone(), 4), (above, 5)] {
        let first = blocks.clone();
        let one = Scripted::new(move |from| {
            let mut acts = honest(&first)(from);
            acts.push(Act::Close);
            acts
        })
        .await;
        let certificate = certify(1, &theirs[by]);
        let (told, with) = (theirs.clone(), certificate.clone());
        let two = Scripted::new(move |from| {
            told.iter().filter(|block| block.height.0 >= from).map(|block| say(block, &with)).collect()
        })
        .await;
        let mut rig = Rig::start(&[&one.url, &two.url]);
        rig.expect(&blocks).await;
        let found = contradiction(rig.ended().await);
        let expected = Contradiction {
            height: Height(5),
            ours: blocks[4].hash(),
            ours_certificate: Some(certify(1, &blocks[4])),
            theirs: theirs[4].hash(),
            theirs_certificate: certificate.clone(),
            peer: two.url.clone(),
        };
        assert_eq!(found, expected);
        for shown in
            [&found.ours.to_string(), &certify(1, &blocks[4]).proof.to_string(), &certificate.proof.to_string()]
        {
            assert!(found.to_string().contains(shown), "{found}");
        }
        match (by, rig.events.recv().await) {
            (4, Some(Event::Evidence(Evidence::Certificates(evidence)))) => {
                assert_eq!(evidence.verify(&[address(1)]), Ok(address(1)));
            }
            // Of different heights: they contradict each other through the blocks between, which one signature does not show.
            (5, None) => {}
            (_, event) => panic!("{event:?}"),
        }
    }
}

#[tokio::test]
async fn a_certified_block_on_another_than_the_last_one_ends_it_after_a_restart_too() {
    let blocks = chain(5);
    let other = fork(&blocks, 3);
    let peer = Scripted::new(honest(&other)).await;
    let start = Start { height: Height(4), hash: Some(blocks[3].hash()), epoch: 2 };
    let mut rig = Rig::from(start, &[&peer.url], Solo(address(1)));
    let found = contradiction(rig.ended().await);
    assert_eq!((found.height, found.ours, found.theirs), (Height(4), blocks[3].hash(), other[3].hash()));
    assert_eq!((found.ours_certificate.clone(), found.theirs_certificate.clone()), (None, certify(1, &other[4])));
    assert!(found.to_string().contains("the certificate in the store"), "{found}");
}

#[tokio::test]
async fn a_fork_without_a_certificate_that_holds_is_a_liars_and_ends_nothing() {
    let blocks = chain(6);
    let other = fork(&blocks, 2);
    let told = other.clone();
    let mut liar = Scripted::new(move |from| {
        let from = usize::try_from(from).unwrap();
        let forged = |block: &OrderedBlock| Certificate { proof: certify(2, block).proof, ..certify(1, block) };
        told[from - 1..].iter().map(|block| say(block, &forged(block))).collect()
    })
    .await;
    let (first, rest) = (blocks.clone(), blocks.clone());
    let honest_but_leaving = Scripted::new(move |from| {
        let upto = if from == 1 { 3 } else { 6 };
        let said = first.iter().filter(|block| (from..=upto).contains(&block.height.0));
        said.map(good).chain([Act::Close]).collect()
    })
    .await;
    let mut rig = Rig::start(&[&liar.url, &honest_but_leaving.url]);
    rig.expect(&rest).await;
    assert_eq!((liar.asked().await, liar.asked().await), (1, 3));
    assert_ne!(other[2].hash(), B256::ZERO);
}
