//! A page's wish that its answered call have a picture, or have none any more.
//!
//! | wish | far side | reply |
//! |---|---|---|
//! | a picture | agrees on one | ok |
//! | a picture | agrees on the sound alone | refused |
//! | none | agrees | ok |
//! | either | refuses, or does not answer | refused, timed out |
//!
//! Nothing of this touches the sound. Holds and this are offered to the far side one at a time.

use super::*;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct PictureRequest {
    pub device: DeviceId,
    pub request: RequestId,
    pub begins: bool,
}

impl Call {
    /// Whether a picture was asked for that the far side has not answered yet.
    pub fn awaits_picture(&self) -> bool {
        self.picture_request.is_some_and(|asked| asked.begins)
    }

    pub(super) fn request_picture(&mut self, device: DeviceId, request: RequestId, begins: bool) {
        if self.phase != Phase::Answered || self.device != Some(device) {
            let message = "only an answered call can begin or end a picture";
            return self.refuse(device, request, message);
        }
        if self.is_offering() {
            let message = "another change of this call is still under way";
            return self.refuse(device, request, message);
        }
        self.picture_request = Some(PictureRequest {
            device,
            request,
            begins,
        });
        self.commands.push_back(Command::OfferPicture { begins });
    }

    /// What the far side makes of it; false when nothing was asked.
    pub(super) fn picture_agreed(&mut self, has_picture: bool) -> bool {
        let Some(asked) = self.picture_request.take() else {
            return false;
        };
        let result = if asked.begins && !has_picture {
            Err(Refusal {
                code: RefusalCode::Refused,
                message: "the telephone system takes no picture".to_owned(),
                far: None,
            })
        } else {
            Ok(())
        };
        self.reply(asked.device, asked.request, result);
        true
    }
}
