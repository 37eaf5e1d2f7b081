package queue

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/redis/go-redis/v9"

	"github.com/penstock/penstock/internal/redisconn"
)

// perCall is the largest part of a value in one command, in bytes, because Redis serves
// nobody else meanwhile. A longer value is stored in pieces: fields of the journal of
// its run, named by a key, "#" and their number. In place of the value stands a
// reference: "#", the number of pieces, ":" and the key. No JSON value begins with "#",
// and no other key of a journal contains one.
const perCall = 256 << 10

// piecesPerRead is the number of pieces that are read in one command.
const piecesPerRead = 4

func pieceKey(key string, n int) string { return key + "#" + strconv.Itoa(n) }

func isPiece(key string) bool { return strings.Contains(key, "#") }

// isReference reports whether a value was stored in pieces.
func isReference(value string) bool { return strings.HasPrefix(value, "#") }

// storePieces stores a long value of the run in pieces, which replace earlier ones of
// the key, and returns the reference to them. Errors: ErrLost when the attempt is
// stale, ErrFull, ErrUnavailable.
func (a *Attempt) storePieces(ctx context.Context, key string, value []byte) (string, error) {
	n := 0
	for ; len(value) > 0; n++ {
		size := min(len(value), perCall)
		if _, err := a.recordEntry(ctx, pieceKey(key, n), "p"+string(value[:size])); err != nil {
			return "", err
		}
		value = value[size:]
	}
	return fmt.Sprintf("#%d:%s", n, key), nil
}

// recordEntry calls journal.lua until Redis answers, and returns the previous entry.
func (a *Attempt) recordEntry(ctx context.Context, key, what string) (known string, err error) {
	s := a.server
	err = redisconn.RetryUntilDone(ctx, func() (err error) {
		known, err = journalScript.Run(ctx, s.redis, s.keys.slot(), a.ID, a.Number, key, what, s.cfg.ID).Text()
		return err
	})
	if errors.Is(err, redis.Nil) {
		return "", ErrLost
	}
	return known, err
}

// piecesOf returns the number of pieces of a reference; 0 for a bad one.
func piecesOf(reference string) int {
	number, _, _ := strings.Cut(reference[1:], ":")
	n, _ := strconv.Atoi(number)
	return n
}

// readPieces reads the value of a reference from the journal of a run.
func readPieces(ctx context.Context, r redis.Cmdable, journal, reference string) (string, error) {
	var value strings.Builder
	err := eachPiece(ctx, r, journal, reference, func(piece string) error {
		value.WriteString(piece)
		return nil
	})
	return value.String(), err
}

// eachPiece calls do for the pieces of a reference in order. It returns the first error of do, unchanged.
func eachPiece(ctx context.Context, r redis.Cmdable, journal, reference string, do func(piece string) error) error {
	number, key, _ := strings.Cut(reference[1:], ":")
	n, err := strconv.Atoi(number)
	if err != nil {
		return fmt.Errorf("read pieces: bad reference %q", reference)
	}
	for at := 0; at < n; at += piecesPerRead {
		var fields []string
		for i := at; i < min(at+piecesPerRead, n); i++ {
			fields = append(fields, pieceKey(key, i))
		}
		pieces, err := r.HMGet(ctx, journal, fields...).Result()
		if err != nil {
			return err
		}
		for i, piece := range pieces {
			text, _ := piece.(string)
			if text == "" {
				return fmt.Errorf("read pieces: %s is missing", fields[i])
			}
			if err := do(text[1:]); err != nil {
				return err
			}
		}
	}
	return nil
}
