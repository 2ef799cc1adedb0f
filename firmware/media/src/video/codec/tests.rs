//! Each codec's encoder against its own decoder.

use super::*;

/// Left and right half of one colour each.
fn halves(width: usize, height: usize, left: [u8; 3], right: [u8; 3]) -> [Vec<u8>; 3] {
    let plane = |number: usize| {
        let (columns, rows) = match number {
            0 => (width, height),
            _ => (width / 2, height / 2),
        };
        let row = (0..columns).map(move |x| {
            if x < columns / 2 {
                left[number]
            } else {
                right[number]
            }
        });
        std::iter::repeat_n(row, rows).flatten().collect()
    };
    [plane(0), plane(1), plane(2)]
}

fn planes(planes: &[Vec<u8>; 3], width: usize, height: usize) -> Planes<'_> {
    let [y, u, v] = planes;
    Planes::new([y, u, v], [width, width / 2, width / 2], width, height).unwrap()
}

const RED: [u8; 3] = [81, 90, 240];
const BLUE: [u8; 3] = [41, 240, 110];

fn is_as_drawn(picture: &Planes<'_>, left: [u8; 3], right: [u8; 3]) {
    for (number, plane) in picture.planes().iter().enumerate() {
        let (columns, rows) = match number {
            0 => (picture.width(), picture.height()),
            _ => (picture.width() / 2, picture.height() / 2),
        };
        let at = |x: usize| plane[rows / 2 * picture.strides()[number] + x];
        for (x, wanted) in [
            (columns / 4, left[number]),
            (columns * 3 / 4, right[number]),
        ] {
            assert!(
                at(x).abs_diff(wanted) < 12,
                "plane {number}: {} for {wanted}",
                at(x)
            );
        }
    }
}

#[test]
fn vp8_there_and_back() {
    let mut encoder = Vp8Encoder::new(320, 240, 400).unwrap();
    let mut decoder = Vp8Decoder::new().unwrap();
    let mut frame = CodedFrame::default();
    let mut shown = 0;
    for number in 0..20 {
        let (left, right) = if number % 2 == 0 {
            (RED, BLUE)
        } else {
            (BLUE, RED)
        };
        let drawn = halves(320, 240, left, right);
        let is_key = number == 0 || number == 12;
        let coded = encoder.encode(
            &planes(&drawn, 320, 240),
            3_000,
            400,
            number == 12,
            &mut frame,
        );
        if !coded.unwrap() {
            continue;
        }
        assert_eq!(frame.is_key_frame, is_key, "{number}");
        let unit = frame.units().next().unwrap();
        assert_eq!(is_key_frame(unit), is_key);
        assert_eq!(key_frame_size(unit), is_key.then_some((320, 240)));
        decoder
            .decode(unit, |picture| is_as_drawn(picture, left, right))
            .unwrap()
            .unwrap();
        shown += 1;
    }
    assert!(shown > 15, "{shown}");
    // Another size goes on with a key frame.
    let drawn = halves(640, 360, RED, BLUE);
    assert!(
        encoder
            .encode(&planes(&drawn, 640, 360), 3_000, 800, false, &mut frame)
            .unwrap()
    );
    assert!(frame.is_key_frame);
}

#[test]
fn h264_there_and_back() {
    let limits = Limits {
        level_idc: 31,
        blocks: 108_000,
        max_unit: None,
    };
    let mut encoder = H264Encoder::new(limits, (320, 240), 400).unwrap();
    let mut decoder = H264Decoder::new().unwrap();
    let mut frame = CodedFrame::default();
    let mut shown = 0;
    for number in 0..20 {
        let (left, right) = if number % 2 == 0 {
            (RED, BLUE)
        } else {
            (BLUE, RED)
        };
        let drawn = halves(320, 240, left, right);
        let coded = encoder.encode(
            &planes(&drawn, 320, 240),
            6_000,
            400 + number,
            number == 12,
            &mut frame,
        );
        if !coded.unwrap() {
            continue;
        }
        let kinds: Vec<u8> = frame.units().map(|unit| unit[0] & 0x1F).collect();
        match number {
            0 | 12 => assert_eq!((frame.is_key_frame, kinds), (true, vec![7, 8, 5])),
            _ => assert_eq!((frame.is_key_frame, kinds), (false, vec![1])),
        }
        if number == 0 {
            let sps = frame.units().next().unwrap();
            assert_eq!(
                sps[..4],
                [0x67, 0x42, 0xC0, 31],
                "Constrained Baseline, level 3.1"
            );
            assert_eq!(super::sps::picture_size(sps), Some((320, 240)));
        }
        decoder
            .decode(&annex_b(&frame), |picture| {
                is_as_drawn(picture, left, right);
            })
            .unwrap()
            .unwrap();
        shown += 1;
    }
    assert!(shown > 15, "{shown}");
    let drawn = halves(640, 360, RED, BLUE);
    assert!(
        encoder
            .encode(&planes(&drawn, 640, 360), 3_000, 800, false, &mut frame)
            .unwrap()
    );
    assert!(frame.is_key_frame);
    decoder
        .decode(&annex_b(&frame), |picture| {
            assert_eq!((picture.width(), picture.height()), (640, 360));
            is_as_drawn(picture, RED, BLUE);
        })
        .unwrap()
        .unwrap();
}

#[test]
fn where_no_fragments_are_taken_no_unit_is_too_large() {
    let limits = Limits {
        level_idc: 13,
        blocks: 11_880,
        max_unit: Some(1_200),
    };
    let mut encoder = H264Encoder::new(limits, (352, 288), 2_000).unwrap();
    let mut decoder = H264Decoder::new().unwrap();
    let mut frame = CodedFrame::default();
    for number in 0..10u32 {
        let mut drawn = halves(352, 288, RED, BLUE);
        for (at, pixel) in drawn[0].iter_mut().enumerate() {
            *pixel = (at as u32).wrapping_mul(2_654_435_761 + number) as u8 >> 2;
        }
        if !encoder
            .encode(&planes(&drawn, 352, 288), 3_000, 2_000, false, &mut frame)
            .unwrap()
        {
            continue;
        }
        let largest = frame.units().map(<[u8]>::len).max().unwrap();
        assert!(largest <= 1_200, "{largest}");
        decoder.decode(&annex_b(&frame), |_| ()).unwrap().unwrap();
    }
}

#[test]
fn a_header_that_promises_too_much_costs_nothing() {
    let mut frame = vec![0x10, 0, 0, 0x9D, 0x01, 0x2A, 0xFF, 0x3F, 0xFF, 0x3F];
    frame.resize(200, 0);
    let fault = Vp8Decoder::new()
        .unwrap()
        .decode(&frame, |_| ())
        .unwrap_err();
    assert_eq!(
        fault,
        CodecFault::TooLarge {
            width: 16_383,
            height: 16_383
        }
    );
    for garbage in [&[][..], &[0; 3], &[1; 50]] {
        assert!(!matches!(
            Vp8Decoder::new().unwrap().decode(garbage, |_| ()),
            Ok(Some(()))
        ));
        assert!(!matches!(
            H264Decoder::new().unwrap().decode(garbage, |_| ()),
            Ok(Some(()))
        ));
    }
}

fn annex_b(frame: &CodedFrame) -> Vec<u8> {
    frame
        .units()
        .flat_map(|unit| [&[0, 0, 0, 1][..], unit].concat())
        .collect()
}
