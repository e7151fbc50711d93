//! Where an activity takes place 签到地点, for those who want check-in to happen there.
//!
//! A telephone says where it is, and can be made to say anything; so this is asked for on top of the code that the leader
//! shows, never instead of it, and only where the activity says so. Whom it wrongs the leader settles with a reason.

use super::Refusal;
use crate::kernel::fault::{Fault, Faults};

/// How far from the point somebody may be, in metres.
const RADII_M: std::ops::RangeInclusive<i64> = 50..=10_000;
const EARTH_M: f64 = 6_371_008.8;

/// A point on the earth in millionths of a degree, which is a hand's breadth; in GCJ-02, as WeChat tells positions in China.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Point {
    lat_e6: i64,
    lng_e6: i64,
}

impl Point {
    /// # Errors
    /// `out_of_range` at `/lat` (-90 to 90) or `/lng` (-180 to 180) below `under`.
    pub fn new(under: &str, lat: f64, lng: f64) -> Result<Self, Vec<Fault>> {
        let mut faults = Faults::new();
        // Written so that what is no number at all is out of range, too.
        faults.require((-90.0..=90.0).contains(&lat), &format!("{under}/lat"), "out_of_range");
        faults.require((-180.0..=180.0).contains(&lng), &format!("{under}/lng"), "out_of_range");
        faults.into_result(Some(()))?;
        Ok(Self { lat_e6: (lat * 1e6).round() as i64, lng_e6: (lng * 1e6).round() as i64 })
    }

    pub fn lat(&self) -> f64 {
        self.lat_e6 as f64 / 1e6
    }

    pub fn lng(&self) -> f64 {
        self.lng_e6 as f64 / 1e6
    }

    /// The way along the surface (haversine), in metres.
    pub fn metres_to(&self, other: &Self) -> f64 {
        let (a, b) = (self.lat().to_radians(), other.lat().to_radians());
        let half = |from: f64, to: f64| ((to - from) / 2.0).sin().powi(2);
        let h = half(a, b) + a.cos() * b.cos() * half(self.lng().to_radians(), other.lng().to_radians());
        2.0 * EARTH_M * h.sqrt().min(1.0).asin()
    }
}

/// A point, and how near is near enough.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Spot {
    pub point: Point,
    pub radius_m: i64,
}

impl Spot {
    /// # Errors
    /// `out_of_range` at `/spot/lat`, `/spot/lng` or `/spot/radius_m` (50 to 10,000).
    pub fn new(lat: f64, lng: f64, radius_m: i64) -> Result<Self, Vec<Fault>> {
        let mut faults = Faults::new();
        let point = Point::new("/spot", lat, lng);
        if let Err(found) = &point {
            found.iter().for_each(|fault| faults.add(fault.pointer.clone(), fault.code));
        }
        faults.require(RADII_M.contains(&radius_m), "/spot/radius_m", "out_of_range");
        faults.into_result(point.ok().map(|point| Self { point, radius_m }))
    }

    /// Whether somebody who says that they are `here` is near enough.
    ///
    /// # Errors
    /// [`Refusal::LocationRequired`], [`Refusal::TooFar`].
    pub fn admit(&self, here: Option<Point>) -> Result<(), Refusal> {
        match here {
            None => Err(Refusal::LocationRequired),
            Some(here) if here.metres_to(&self.point) > self.radius_m as f64 => Err(Refusal::TooFar),
            Some(_) => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn point(lat: f64, lng: f64) -> Point {
        Point::new("", lat, lng).expect("a point")
    }

    #[test]
    fn a_degree_of_latitude_is_as_long_everywhere_and_one_of_longitude_shrinks() {
        let metres = |from: Point, to: Point| (from.metres_to(&to) / 1000.0).round();
        assert_eq!(metres(point(24.0, 118.0), point(25.0, 118.0)), 111.0);
        assert_eq!(metres(point(60.0, 118.0), point(60.0, 119.0)), 56.0);
        assert_eq!(metres(point(0.0, 180.0), point(0.0, -180.0)), 0.0);
        assert_eq!(metres(point(90.0, 0.0), point(-90.0, 77.0)), 20_015.0);
    }

    #[test]
    fn who_is_near_is_let_in_and_who_does_not_say_is_asked() {
        let spot = Spot::new(24.9, 118.6, 100).expect("a spot");
        assert_eq!(spot.admit(Some(point(24.9005, 118.6))), Ok(()));
        assert_eq!(spot.admit(Some(point(24.902, 118.6))), Err(Refusal::TooFar));
        assert_eq!(spot.admit(None), Err(Refusal::LocationRequired));
    }

    #[test]
    fn what_is_no_place_is_said_at_once() {
        let faults = Spot::new(f64::NAN, 180.5, 0).expect_err("faults");
        let at: Vec<&str> = faults.iter().map(|fault| fault.pointer.as_str()).collect();
        assert_eq!(at, ["/spot/lat", "/spot/lng", "/spot/radius_m"]);
    }
}
