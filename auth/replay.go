package auth

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/penstock/penstock/store"
)

// Replays remembers what was claimed. *store.Tokens is one.
type Replays interface {
	// Claim notes the use of an id in a scope and remembers it for so long. It
	// returns the use that was noted first; first reports that it is this one.
	Claim(ctx context.Context, scope, id, use string, remember time.Duration) (firstUse string, first bool, err error)
}

// Repeat names a signature whose repetition is answered with the run of the
// first.
type Repeat struct {
	ID     string
	Window time.Duration // for which it can come again
}

var errReplayed = &Error{Code: CodeReplayed, Message: "replayed: this signature was used before; sign a new one"}

// readUse is how a request that only isRead uses a signature of version 1.
const readUse = "read"

// ReplayWindow is how long a timestamp may be accepted: from a window before
// to a window after, and the second that whole-second clocks hide.
func ReplayWindow(k *store.Key) time.Duration { return 2*Window(k) + time.Second }

// claim refuses a signature that was used before, or lets the same request
// again through when the key says attach. What identifies a signature is the
// text that it signs, not the header: that may be written in several ways.
//
// The text of version 1 names no method and no path, so that all isRead of one
// second share a signature: they are not refused, and what served a read
// starts nothing.
func (s SignatureScheme) claim(ctx context.Context, r *Request, key *store.Key, p *Principal, version int, text []byte) error {
	if s.Replays == nil {
		return nil
	}
	sum := sha256.Sum256(text)
	id, window := hex.EncodeToString(sum[:]), ReplayWindow(key)
	isRead := version == 1 && (r.Method == http.MethodGet || r.Method == http.MethodHead)
	use := readUse
	if !isRead {
		use = digestUse(r.Method, r.Target, strings.Join(r.Header.Values("Idempotency-Key"), ","))
	}
	firstUse, first, err := s.Replays.Claim(ctx, "signature:"+key.Key, id, use, window)
	switch {
	case err != nil:
		return fmt.Errorf("%w: %w", ErrUnavailable, err)
	case isRead || first:
	case key.OnReplay != store.OnReplayAttach || firstUse != use:
		return errReplayed
	}
	if key.OnReplay == store.OnReplayAttach {
		p.Repeat = &Repeat{ID: key.Key + "\x00" + id, Window: window}
	}
	return nil
}

// digestUse names what a signature was used for.
func digestUse(parts ...string) string {
	sum := sha256.Sum256([]byte(strings.Join(parts, "\x00")))
	return hex.EncodeToString(sum[:16])
}
