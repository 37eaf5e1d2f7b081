package queue

import (
	"hash/crc32"
	"math/rand/v2"
	"strconv"
	"strings"
)

// A queue lives on one primary of a Cluster. One that is more than a primary
// carries is spread over shards: queues of their own for asynq and for all our
// keys, which look like one to people. The first has the queue's own name, so
// that a queue may become several, and one again, while it works.

// shardMark stands between a queue's name and the number of a shard. Flows
// cannot name a queue with it.
const shardMark = "~"

// Shards says over how many shards queues are spread; those that are not in it
// are not. It never changes.
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

// shardOf chooses the shard of a submission: any, but for those that must meet
// others. Equal guards meet on one shard, and runs that pass gates, or were
// named before, on the first.
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

// wholeQueue is the queue that a shard belongs to.
func wholeQueue(shard string) string {
	queue, _, _ := strings.Cut(shard, shardMark)
	return queue
}
