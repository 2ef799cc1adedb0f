//! The constants of ITU-T G.722.

/// Coefficients of the quadrature mirror filter, of one half (table 11); the other has them backwards.
pub(super) const QMF: [i32; 12] = [3, -11, 12, 32, -210, 951, 3876, -805, 362, -156, 53, -11];

/// Decision levels of the lower band's 60 intervals, of one sign (table 14).
pub(super) const LOW_LEVELS: [i32; 29] = [
    35, 72, 110, 150, 190, 233, 276, 323, 370, 422, 473, 530, 587, 650, 714, 786, 858, 940, 1023,
    1121, 1219, 1339, 1458, 1612, 1765, 1980, 2195, 2557, 2919,
];

/// What the lower band's code stands for: 6 bits as they are heard (table 15), 4 bits as they steer.
pub(super) static LOW_HEARD: [i32; 64] = [
    -136, -136, -136, -136, -24808, -21904, -19008, -16704, -14984, -13512, -12280, -11192, -10232,
    -9360, -8576, -7856, -7192, -6576, -6000, -5456, -4944, -4464, -4008, -3576, -3168, -2776,
    -2400, -2032, -1688, -1360, -1040, -728, 24808, 21904, 19008, 16704, 14984, 13512, 12280,
    11192, 10232, 9360, 8576, 7856, 7192, 6576, 6000, 5456, 4944, 4464, 4008, 3576, 3168, 2776,
    2400, 2032, 1688, 1360, 1040, 728, 432, 136, -432, -136,
];
pub(super) static LOW_STEERS: [i32; 16] = [
    0, -20456, -12896, -8968, -6288, -4240, -2584, -1200, 20456, 12896, 8968, 6288, 4240, 2584,
    1200, 0,
];
/// By how much the lower band's step grows, by those 4 bits (tables 12 and 17 in one).
pub(super) static LOW_GROWTH: [i32; 16] = [
    -60, 3042, 1198, 538, 334, 172, 58, -30, 3042, 1198, 538, 334, 172, 58, -30, -60,
];

/// The decision level of the upper band.
pub(super) const HIGH_LEVEL: i32 = 564;
/// What the upper band's code stands for, and by how much its step grows.
pub(super) static HIGH_HEARD: [i32; 4] = [-7408, -1616, 7408, 1616];
pub(super) static HIGH_GROWTH: [i32; 4] = [798, -214, 798, -214];

/// Powers of two between 2^11 and 2^12 (table 18).
pub(super) static POWERS: [i32; 32] = [
    2048, 2093, 2139, 2186, 2233, 2282, 2332, 2383, 2435, 2489, 2543, 2599, 2656, 2714, 2774, 2834,
    2896, 2960, 3025, 3091, 3158, 3228, 3298, 3371, 3444, 3520, 3597, 3676, 3756, 3838, 3922, 4008,
];
