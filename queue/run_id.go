package queue

import (
	"hash/crc32"
	"strconv"
	"time"

	"github.com/google/uuid"
)

// A run id is a UUIDv7 whose last two bytes are a checksum of the name of its queue.
// The id alone therefore identifies the queue and the slot of its keys, without an
// index.

// NewRunID returns a new id for a run on the queue. Ids sort by time.
func NewRunID(queue string) string {
	id := uuid.Must(uuid.NewV7())
	sum := queueSum(queue)
	id[14], id[15] = byte(sum>>8), byte(sum)
	return id.String()
}

func queueSum(queue string) uint16 {
	return uint16(crc32.ChecksumIEEE([]byte(queue)))
}

// onQueue reports whether id may have been made for the queue.
func onQueue(id, queue string) bool {
	u, err := uuid.Parse(id)
	return err == nil && uint16(u[14])<<8|uint16(u[15]) == queueSum(queue)
}

// createdAt returns the time at which a run id was made, in milliseconds; false: the
// text is no run id.
func createdAt(id string) (time.Time, bool) {
	u, err := uuid.Parse(id)
	if err != nil {
		return time.Time{}, false
	}
	ms := int64(0)
	for _, b := range u[:6] {
		ms = ms<<8 | int64(b)
	}
	return time.UnixMilli(ms), true
}

// taskID returns the id of the asynq task of one attempt of a run.
func taskID(run string, attempt int) string {
	return run + "." + strconv.Itoa(attempt)
}

const idLen = 36 // characters of a run id; a task id is a run id, "." and the number of the attempt
