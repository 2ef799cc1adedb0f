//! Pins by the GPIO character device, as pins of `embedded-hal`.

use embedded_hal::digital::{Error, ErrorKind, ErrorType, InputPin, OutputPin};
use gpiocdev::Request;
use gpiocdev::line::Value;
use std::path::Path;

/// One line of a GPIO chip. Its levels are the electrical ones: what is low at the pin is low here.
#[derive(Debug)]
pub struct Pin {
    request: Request,
}

/// Why a pin does not do what it should.
#[derive(Debug, thiserror::Error)]
#[error("GPIO: {0}")]
pub struct PinError(#[from] gpiocdev::Error);

impl Error for PinError {
    fn kind(&self) -> ErrorKind {
        ErrorKind::Other
    }
}

impl Pin {
    /// A pin that is read, with the chip's own pull-up where `pull_up`.
    ///
    /// # Errors
    /// When there is no such chip or line, or somebody else has it.
    pub fn input(chip: &Path, line: u32, pull_up: bool) -> Result<Self, PinError> {
        let mut builder = Request::builder();
        builder
            .on_chip(chip)
            .with_consumer("causeway")
            .with_line(line)
            .as_input();
        if pull_up {
            builder.with_bias(gpiocdev::line::Bias::PullUp);
        }
        Ok(Self {
            request: builder.request()?,
        })
    }

    /// A pin that is driven, low at first.
    ///
    /// # Errors
    /// As [`Pin::input`].
    pub fn output(chip: &Path, line: u32) -> Result<Self, PinError> {
        let mut builder = Request::builder();
        builder
            .on_chip(chip)
            .with_consumer("causeway")
            .with_line(line)
            .as_output(Value::Inactive);
        Ok(Self {
            request: builder.request()?,
        })
    }
}

impl ErrorType for Pin {
    type Error = PinError;
}

impl InputPin for Pin {
    fn is_high(&mut self) -> Result<bool, PinError> {
        Ok(self.request.lone_value()? == Value::Active)
    }

    fn is_low(&mut self) -> Result<bool, PinError> {
        self.is_high().map(|high| !high)
    }
}

impl OutputPin for Pin {
    fn set_low(&mut self) -> Result<(), PinError> {
        self.request.set_lone_value(Value::Inactive)?;
        Ok(())
    }

    fn set_high(&mut self) -> Result<(), PinError> {
        self.request.set_lone_value(Value::Active)?;
        Ok(())
    }
}
