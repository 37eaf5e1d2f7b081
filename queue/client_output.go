package queue

import (
	"context"
	"io"
)

// WriteOutput writes the stored output of a run to w, a piece after the other, so that a long one is never in memory as a whole, unless
// the history has it. It writes nothing for a run without an output. Errors: ErrNotFound, ErrUnavailable, those of the history and
// of w.
func (c *Client) WriteOutput(ctx context.Context, id string, w io.Writer) error {
	queues, err := c.queuesOf(ctx, id)
	if err != nil {
		return err
	}
	for _, queue := range queues {
		k := keysOf(queue)
		fields, err := c.redis.HMGet(ctx, k.runPrefix()+id, "spec", "output").Result()
		if err != nil {
			return redisError("read output of run", err)
		}
		spec, output := texts(fields)
		switch {
		case spec == "":
			continue
		case !isReference(output):
			_, err = io.WriteString(w, output)
			return err
		}
		return eachPiece(ctx, c.redis, k.journalPrefix()+id, output, func(piece string) error {
			_, err := io.WriteString(w, piece)
			return err
		})
	}
	record, err := c.fromHistory(ctx, id)
	if err == nil {
		_, err = w.Write(record.Output)
	}
	return err
}
