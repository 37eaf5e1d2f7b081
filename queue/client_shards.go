package queue

import (
	"hash/crc32"
	"math/rand/v2"
	"strconv"
	"strings"
)

// All keys of a queue are on one primary of a Cluster. A queue with more load than
// one primary carries is spread over shards. Each shard is a queue of its own in
// Redis and in asynq; the API and the console show them as one. The first shard
// has the name of the queue, so that the number of shards may change at any time.

// shardMark separates the name of a queue from the number of a shard. The name of
// a flow's queue cannot contain it.
const shardMark = "~"

// Shards maps queues to their number of shards. A queue that is not in it has one.
// It must not be changed after it was given to NewClient.
type Shards map[string]int

// Names lists the shards of a queue, at least one.
func (s Shards) Names(queue string) []string {
	names := []string{queue}
	for i := 1; i < s[queue]; i++ {
		names = append(names, shardName(queue, i))
	}
	return names
}

func shardName(queue string, i int) string {
	if i == 0 {
		return queue
	}
	return queue + shardMark + strconv.Itoa(i)
}

// shardOf chooses the shard of a submission: a random one, except that equal
// idempotency keys share a shard, and that runs with concurrency limits or with an
// id of the caller's go to the first.
func (s Shards) shardOf(sub *Submission) string {
	n := s[sub.Queue]
	if n < 2 || sub.Limited || sub.ID != "" {
		return sub.Queue
	}
	i := rand.IntN(n)
	if sub.IdempotencyKey != nil {
		i = int(crc32.ChecksumIEEE([]byte(sub.IdempotencyKey.Key)) % uint32(n))
	}
	return shardName(sub.Queue, i)
}

// wholeQueue returns the queue that a shard belongs to.
func wholeQueue(shard string) string {
	queue, _, _ := strings.Cut(shard, shardMark)
	return queue
}
