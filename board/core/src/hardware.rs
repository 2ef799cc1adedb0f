//! What a board has, as traits in the manner of `embedded-hal` 1.0, which has pins and delays but neither watchdogs nor
//! lamps with a meaning.

use core::fmt;
use embedded_hal::delay::DelayNs;
use embedded_hal::digital::{InputPin, OutputPin};

/// The hardware that resets a box that hangs.
pub trait Watchdog {
    type Error;

    /// Puts the reset off by one period.
    ///
    /// # Errors
    /// When the hardware does not take it; the box will be reset.
    fn feed(&mut self) -> Result<(), Self::Error>;
}

/// One lamp of the front panel, named by what it tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Lamp {
    /// The box runs; it blinks slowly on an alarm.
    Power,
    /// At least one trunk is up.
    Trunk,
    /// There is a call.
    Call,
    /// "This is the one you look for."
    Locate,
}

impl Lamp {
    /// From left to right.
    pub const ALL: [Self; 4] = [Self::Power, Self::Trunk, Self::Call, Self::Locate];

    const fn bit(self) -> u8 {
        match self {
            Self::Power => 1,
            Self::Trunk => 2,
            Self::Call => 4,
            Self::Locate => 8,
        }
    }
}

/// Which lamps are lit.
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct Lamps(u8);

impl Lamps {
    /// Every lamp dark.
    pub const NONE: Self = Self(0);
    /// Every lamp lit.
    pub const ALL: Self = Self(15);

    /// The first `count` lamps from the left; more than there are: all.
    pub fn first(count: u32) -> Self {
        let mut lamps = Self::NONE;
        for (at, lamp) in (0..).zip(Lamp::ALL) {
            lamps = lamps.with(lamp, at < count);
        }
        lamps
    }

    #[must_use]
    pub const fn with(self, lamp: Lamp, lit: bool) -> Self {
        if lit {
            Self(self.0 | lamp.bit())
        } else {
            Self(self.0 & !lamp.bit())
        }
    }

    pub const fn is_lit(self, lamp: Lamp) -> bool {
        self.0 & lamp.bit() != 0
    }
}

/// One character a lamp: `*` lit, `.` dark.
impl fmt::Display for Lamps {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Lamp::ALL
            .into_iter()
            .try_for_each(|lamp| f.write_str(if self.is_lit(lamp) { "*" } else { "." }))
    }
}

impl fmt::Debug for Lamps {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Lamps({self})")
    }
}

/// The lamps of the front panel.
pub trait StatusLamps {
    type Error;

    /// Lights or darkens one lamp.
    ///
    /// # Errors
    /// When the hardware does not take it. Nothing but the eye depends on lamps: go on.
    fn set(&mut self, lamp: Lamp, lit: bool) -> Result<(), Self::Error>;

    /// Sets all of them, even when one fails.
    ///
    /// # Errors
    /// The first failure.
    fn show(&mut self, lamps: Lamps) -> Result<(), Self::Error> {
        let mut result = Ok(());
        for lamp in Lamp::ALL {
            result = result.and(self.set(lamp, lamps.is_lit(lamp)));
        }
        result
    }
}

/// Lights the lamps one after the other from the left, each for `ms`, so that a dead one is seen at power-on.
///
/// # Errors
/// The first lamp that does not take it.
pub fn lamp_test<L: StatusLamps, D: DelayNs>(
    lamps: &mut L,
    delay: &mut D,
    ms: u32,
) -> Result<(), L::Error> {
    for lamp in Lamp::ALL {
        lamps.show(Lamps::NONE.with(lamp, true))?;
        delay.delay_ms(ms);
    }
    lamps.show(Lamps::NONE)
}

/// Four lamps at four pins; a pin that is absent is a lamp the board does not have.
#[derive(Debug)]
pub struct PinLamps<P> {
    pub pins: [Option<P>; 4],
}

impl<P: OutputPin> StatusLamps for PinLamps<P> {
    type Error = P::Error;

    fn set(&mut self, lamp: Lamp, lit: bool) -> Result<(), P::Error> {
        let mut pins = self.pins.iter_mut().zip(Lamp::ALL);
        match pins.find(|(_, at)| *at == lamp) {
            Some((Some(pin), _)) => pin.set_state(lit.into()),
            Some((None, _)) | None => Ok(()),
        }
    }
}

/// The button of the front panel.
pub trait Button {
    type Error;

    /// Whether it is down now; it may bounce.
    ///
    /// # Errors
    /// When the hardware does not say. Take it as released: a fault must not reset the box.
    fn is_down(&mut self) -> Result<bool, Self::Error>;
}

/// A button at a pin.
#[derive(Debug)]
pub struct PinButton<P> {
    pub pin: P,
    /// The pin is low while the button is down.
    pub active_low: bool,
}

impl<P: InputPin> Button for PinButton<P> {
    type Error = P::Error;

    fn is_down(&mut self) -> Result<bool, P::Error> {
        self.pin.is_high().map(|high| high != self.active_low)
    }
}

/// A thermometer.
pub trait Temperature {
    type Error;

    /// Thousandths of a degree Celsius, of the hottest place that is measured.
    ///
    /// # Errors
    /// When nothing is measured; that is no reason for an alarm by itself.
    fn millicelsius(&mut self) -> Result<i32, Self::Error>;
}

/// Why the box was started last.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ResetCause {
    /// Power came, or came back.
    PowerOn,
    /// Somebody asked for it: console, button, API or update.
    Asked,
    /// The watchdog was not fed.
    Watchdog,
    /// The kernel gave up; its last words are kept.
    Panic,
    /// The hardware was too hot.
    Overheated,
    /// The supply's voltage fell.
    PowerFault,
    /// The hardware does not tell.
    Unknown,
}

impl fmt::Display for ResetCause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::PowerOn => "power on",
            Self::Asked => "asked for",
            Self::Watchdog => "watchdog: the box had hung",
            Self::Panic => "kernel panic",
            Self::Overheated => "too hot",
            Self::PowerFault => "power fault",
            Self::Unknown => "unknown",
        })
    }
}

/// The board's memory of the last reset.
pub trait ResetReport {
    type Error;

    /// Why the box was started last.
    ///
    /// # Errors
    /// When the place it is kept at cannot be read.
    fn reset_cause(&mut self) -> Result<ResetCause, Self::Error>;
}

#[cfg(test)]
mod tests {
    use super::*;
    use core::convert::Infallible;
    use embedded_hal::digital::ErrorType;

    struct Pin(bool);

    impl ErrorType for Pin {
        type Error = Infallible;
    }

    impl OutputPin for Pin {
        fn set_low(&mut self) -> Result<(), Infallible> {
            self.0 = false;
            Ok(())
        }

        fn set_high(&mut self) -> Result<(), Infallible> {
            self.0 = true;
            Ok(())
        }
    }

    impl InputPin for Pin {
        fn is_high(&mut self) -> Result<bool, Infallible> {
            Ok(self.0)
        }

        fn is_low(&mut self) -> Result<bool, Infallible> {
            Ok(!self.0)
        }
    }

    struct Count(u64);

    impl DelayNs for Count {
        fn delay_ns(&mut self, ns: u32) {
            self.0 += u64::from(ns);
        }
    }

    #[test]
    fn lamps_at_pins_follow_and_an_absent_one_does_no_harm() {
        let mut lamps = PinLamps {
            pins: [Some(Pin(false)), None, Some(Pin(true)), Some(Pin(false))],
        };
        lamps.show(Lamps::first(2)).unwrap();
        let lit = lamps.pins.each_ref().map(|p| p.as_ref().map(|p| p.0));
        assert_eq!(lit, [Some(true), None, Some(false), Some(false)]);

        let mut delay = Count(0);
        lamp_test(&mut lamps, &mut delay, 100).unwrap();
        assert_eq!(delay.0, 400_000_000);
        assert!(lamps.pins.iter().flatten().all(|p| !p.0));
    }

    #[test]
    fn a_button_to_ground_is_down_when_its_pin_is_low() {
        let mut button = PinButton {
            pin: Pin(false),
            active_low: true,
        };
        assert_eq!(button.is_down(), Ok(true));
        button.pin.0 = true;
        assert_eq!(button.is_down(), Ok(false));
        button.active_low = false;
        assert_eq!(button.is_down(), Ok(true));
    }
}
