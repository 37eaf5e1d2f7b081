package deliveries

import "strconv"

// The Redis keys. All share the hash tag {hooks}: scripts change several of them, and one call reads those of all flows.

// keyRecording is a hash: flow number -> end of its recording in unix milliseconds. TTL: until the last end.
const keyRecording = "penstock:{hooks}:recording"

// keyRest is a hash: flow number -> how many further requests are recorded; no field: as many as come. TTL: MaxRecording.
const keyRest = "penstock:{hooks}:recording:rest"

// keyOutbox is a stream: the deliveries that the history does not have yet, with the fields flow and delivery (JSON). At most
// maxOutbox. No TTL; empty without a history.
const keyOutbox = "penstock:{hooks}:outbox"

// flowKeys returns the keys of the deliveries of a flow, in the order of add.lua.
//
//	penstock:{hooks}:N:count     string, number of the last delivery. TTL: countRetention
//	penstock:{hooks}:N:accepted  list of deliveries (JSON), the newest first, at most maxKept. TTL: retention
//	penstock:{hooks}:N:rejected  list, likewise. TTL: retention
//	penstock:{hooks}:N:content   hash: number of a delivery in the lists -> its content (JSON). TTL: until the recording ends
func flowKeys(flow int64) []string {
	prefix := "penstock:{hooks}:" + strconv.FormatInt(flow, 10) + ":"
	return []string{prefix + "count", prefix + "accepted", prefix + "rejected", prefix + "content", keyRecording, keyOutbox, keyRest}
}

// keyCaptures is a zset: hash of a capture's token -> its end in unix milliseconds. TTL: MaxCapture after the last one began.
const keyCaptures = "penstock:{hooks}:captures"

// keyOwnCaptures is a zset like keyCaptures, with the captures of one principal.
func keyOwnCaptures(owner string) string { return keyCaptures + ":" + owner }

// captureKey is a list: what a capture is, and then its requests (JSON), at most maxCaptured. TTL: until it ends.
func captureKey(hash string) string { return "penstock:{hooks}:capture:" + hash }
