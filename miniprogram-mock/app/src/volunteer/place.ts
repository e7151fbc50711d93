/**
 * Where the volunteer is, for activities that are checked in to on the spot.
 *
 * WeChat tells positions as GCJ-02, the coordinates of Chinese maps, and so does the server's `spot`; a browser tells WGS-84. The
 * difference is some hundred metres, more than a spot is wide, so a browser's position is converted.
 */
export interface Place { lat: number; lng: number }

/** `refused`: the person, or their phone, does not tell. `unknown`: the phone does not know, or not in time. */
export type Nowhere = 'refused' | 'unknown';

const PATIENCE_MS = 10_000;

export async function here(): Promise<Place | Nowhere> {
  // #ifdef MP-WEIXIN
  return new Promise((done) =>
    uni.getLocation({
      type: 'gcj02',
      isHighAccuracy: true,
      highAccuracyExpireTime: PATIENCE_MS,
      success: (at) => done({ lat: at.latitude, lng: at.longitude }),
      // `auth deny`, `authorize no response`, `privacy permission is not authorized`: the platform's words for no.
      fail: (fault) => done(/deny|denied|auth|privacy/i.test(fault.errMsg ?? '') ? 'refused' : 'unknown'),
    }),
  );
  // #endif
  // #ifdef H5
  if (!navigator.geolocation) return 'unknown';
  return new Promise((done) =>
    navigator.geolocation.getCurrentPosition(
      ({ coords }) => done(toGcj02({ lat: coords.latitude, lng: coords.longitude })),
      (fault) => done(fault.code === fault.PERMISSION_DENIED ? 'refused' : 'unknown'),
      { enableHighAccuracy: true, timeout: PATIENCE_MS, maximumAge: 30_000 },
    ),
  );
  // #endif
}

/** Opens the platform's settings, where a refusal is taken back; false where there are none to open. */
export function canChangeMind(): boolean {
  // #ifdef MP-WEIXIN
  return true;
  // #endif
  // #ifdef H5
  return false;
  // #endif
}

export function changeMind(): void {
  // #ifdef MP-WEIXIN
  uni.openSetting({});
  // #endif
}

// #ifdef H5
/** Krasovsky's ellipsoid. */
const A = 6378245;
const EE = 0.00669342162296594323;

function wave(x: number, y: number): number {
  return ((20 * Math.sin(6 * x * Math.PI) + 20 * Math.sin(2 * x * Math.PI)) * 2) / 3 + ((20 * Math.sin(y * Math.PI) + 40 * Math.sin((y / 3) * Math.PI)) * 2) / 3;
}

/** The published approximation of the shift; outside of China nothing is shifted. */
export function toGcj02({ lat, lng }: Place): Place {
  if (lng < 72.004 || lng > 137.8347 || lat < 0.8293 || lat > 55.8271) return { lat, lng };
  const x = lng - 105;
  const y = lat - 35;
  const north = -100 + 2 * x + 3 * y + 0.2 * y * y + 0.1 * x * y + 0.2 * Math.sqrt(Math.abs(x)) + wave(x, y) + ((160 * Math.sin((y / 12) * Math.PI) + 320 * Math.sin((y * Math.PI) / 30)) * 2) / 3;
  const east = 300 + x + 2 * y + 0.1 * x * x + 0.1 * x * y + 0.1 * Math.sqrt(Math.abs(x)) + wave(x, x) + ((150 * Math.sin((x / 12) * Math.PI) + 300 * Math.sin((x / 30) * Math.PI)) * 2) / 3;
  const phi = (lat / 180) * Math.PI;
  const magic = 1 - EE * Math.sin(phi) * Math.sin(phi);
  return {
    lat: lat + (north * 180) / (((A * (1 - EE)) / (magic * Math.sqrt(magic))) * Math.PI),
    lng: lng + (east * 180) / ((A / Math.sqrt(magic)) * Math.cos(phi) * Math.PI),
  };
}
// #endif
