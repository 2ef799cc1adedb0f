//! A picture in memory: 8-bit planes of luma and of two colours at half of both sizes (I420), and how it is made smaller.

/// Pixels a side that any codec here takes.
const LARGEST: usize = 16_384;

/// A borrowed picture. Each plane holds every row of its size.
#[derive(Clone, Copy, Debug)]
pub struct Planes<'a> {
    planes: [&'a [u8]; 3],
    strides: [usize; 3],
    width: usize,
    height: usize,
}

impl<'a> Planes<'a> {
    /// `None` when a plane is too short for the size.
    pub fn new(
        planes: [&'a [u8]; 3],
        strides: [usize; 3],
        width: usize,
        height: usize,
    ) -> Option<Self> {
        if !(1..=LARGEST).contains(&width) || !(1..=LARGEST).contains(&height) {
            return None;
        }
        let half = (width.div_ceil(2), height.div_ceil(2));
        let sizes = [(width, height), half, half];
        let fits =
            planes
                .iter()
                .zip(strides)
                .zip(sizes)
                .all(|((plane, stride), (columns, rows))| {
                    stride >= columns && plane.len() >= (rows - 1) * stride + columns
                });
        fits.then_some(Self {
            planes,
            strides,
            width,
            height,
        })
    }

    /// In pixels.
    pub const fn width(&self) -> usize {
        self.width
    }

    /// In pixels.
    pub const fn height(&self) -> usize {
        self.height
    }

    /// Luma, blue, red.
    pub const fn planes(&self) -> [&'a [u8]; 3] {
        self.planes
    }

    /// Octets from row to row.
    pub const fn strides(&self) -> [usize; 3] {
        self.strides
    }

    /// Without the last column and row where their number is odd: H.264 knows even sizes only.
    #[must_use]
    pub const fn even(self) -> Self {
        Self {
            width: if self.width > 1 { self.width & !1 } else { 1 },
            height: if self.height > 1 { self.height & !1 } else { 1 },
            ..self
        }
    }

    fn plane(&self, number: usize) -> Plane<'a> {
        let halved = |size: usize| if number == 0 { size } else { size.div_ceil(2) };
        Plane {
            octets: self.planes.get(number).copied().unwrap_or_default(),
            stride: self.strides.get(number).copied().unwrap_or_default(),
            columns: halved(self.width),
            rows: halved(self.height),
        }
    }
}

#[derive(Clone, Copy)]
struct Plane<'a> {
    octets: &'a [u8],
    stride: usize,
    columns: usize,
    rows: usize,
}

impl<'a> Plane<'a> {
    fn row(&self, number: usize) -> &'a [u8] {
        let from = number.min(self.rows.saturating_sub(1)) * self.stride;
        self.octets
            .get(from..from + self.columns)
            .unwrap_or_default()
    }
}

/// A picture of its own, made by scaling; its memory is kept.
#[derive(Debug, Default)]
pub struct Scaled {
    planes: [Vec<u8>; 3],
    /// Of the rows that become one, the weighted sum of each column.
    sums: Vec<u32>,
}

impl Scaled {
    /// `picture` at `width` times `height`, both even and not more than it has.
    pub fn make(
        &mut self,
        picture: &Planes<'_>,
        width: usize,
        height: usize,
    ) -> Option<Planes<'_>> {
        let half = (width.div_ceil(2), height.div_ceil(2));
        let sizes = [(width, height), half, half];
        for (number, (plane, size)) in self.planes.iter_mut().zip(sizes).enumerate() {
            shrink(picture.plane(number), plane, size, &mut self.sums);
        }
        let [y, u, v] = &self.planes;
        Planes::new([y, u, v], [width, half.0, half.0], width, height)
    }
}

/// Parts of a pixel in which areas are measured.
const PARTS: usize = 256;

/// Each pixel becomes the mean of the area it covers.
fn shrink(from: Plane<'_>, to: &mut Vec<u8>, (columns, rows): (usize, usize), sums: &mut Vec<u32>) {
    to.clear();
    for row in 0..rows {
        let (top, bottom) = edges(row, from.rows, rows);
        sums.clear();
        sums.resize(from.columns, 0);
        for source in top / PARTS..bottom.div_ceil(PARTS) {
            let weight = overlap(source, top, bottom) as u32;
            for (sum, pixel) in sums.iter_mut().zip(from.row(source)) {
                *sum += weight * u32::from(*pixel);
            }
        }
        to.extend((0..columns).map(|column| {
            let (left, right) = edges(column, from.columns, columns);
            let first = left / PARTS;
            let covered = sums.get(first..right.div_ceil(PARTS)).unwrap_or_default();
            let sum: u64 = covered
                .iter()
                .zip(first..)
                .map(|(sum, source)| u64::from(*sum) * overlap(source, left, right) as u64)
                .sum();
            let area = ((bottom - top) * (right - left)).max(1) as u64;
            ((sum + area / 2) / area).min(255) as u8
        }));
    }
}

/// Where the pixel of this number begins and ends in what it is made of.
fn edges(number: usize, from: usize, to: usize) -> (usize, usize) {
    let edge = |number: usize| number * from * PARTS / to;
    (edge(number), edge(number + 1))
}

/// How much of a source pixel lies between two edges.
fn overlap(source: usize, from: usize, to: usize) -> usize {
    let (first, last) = (source * PARTS, (source + 1) * PARTS);
    last.min(to).saturating_sub(first.max(from))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn flat(width: usize, height: usize, values: [u8; 3]) -> [Vec<u8>; 3] {
        let half = width.div_ceil(2) * height.div_ceil(2);
        [
            vec![values[0]; width * height],
            vec![values[1]; half],
            vec![values[2]; half],
        ]
    }

    fn planes(planes: &[Vec<u8>; 3], width: usize, height: usize) -> Planes<'_> {
        let half = width.div_ceil(2);
        let [y, u, v] = planes;
        Planes::new([y, u, v], [width, half, half], width, height).unwrap()
    }

    #[test]
    fn one_colour_stays_that_colour_at_every_size() {
        let made = flat(641, 361, [200, 30, 120]);
        let picture = planes(&made, 641, 361);
        let mut scaled = Scaled::default();
        for (width, height) in [(640, 360), (352, 198), (176, 98), (16, 16), (2, 2)] {
            let small = scaled.make(&picture, width, height).unwrap();
            assert_eq!((small.width(), small.height()), (width, height));
            let [y, u, v] = small.planes();
            assert!(y.iter().all(|p| *p == 200));
            assert!(u.iter().all(|p| *p == 30));
            assert!(v.iter().all(|p| *p == 120));
        }
    }

    #[test]
    fn a_pixel_is_the_mean_of_what_it_covers() {
        let mut made = flat(6, 2, [0, 0, 0]);
        made[0] = vec![0, 90, 30, 10, 20, 40, 0, 90, 30, 10, 20, 40];
        let picture = planes(&made, 6, 2);
        let mut scaled = Scaled::default();
        let small = scaled.make(&picture, 4, 2).unwrap();
        // One and a half pixels become one.
        assert_eq!(&small.planes()[0][..4], [30, 50, 13, 33]);
    }

    #[test]
    fn planes_that_are_too_short_are_refused() {
        let octets = [0; 16];
        let at = |y: usize, u: usize| {
            Planes::new([&octets[..y], &octets[..u], &octets[..u]], [4, 2, 2], 4, 4)
        };
        assert!(at(16, 4).is_some());
        assert!(at(15, 4).is_none());
        assert!(at(16, 3).is_none());
        assert!(Planes::new([&octets; 3], [4, 2, 2], 0, 4).is_none());
    }
}
