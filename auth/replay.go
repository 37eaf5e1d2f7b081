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

// Replays stores which signatures were used. *store.Tokens implements it.
type Replays interface {
	// Claim stores the use of an id in a scope for the duration remember, unless the id was used before. It returns
	// the stored use and whether it is this one.
	Claim(ctx context.Context, scope, id, use string, remember time.Duration) (firstUse string, first bool, err error)
}

// Repeat identifies a signature whose second use gets the result of the first run.
type Repeat struct {
	ID     string
	Window time.Duration // time during which the signature is valid
}

var errReplayed = &Error{Code: CodeReplayed, Message: "replayed: this signature was used before; sign a new one"}

// readUse is the use of a version 1 signature by a request that only reads.
const readUse = "read"

// claim rejects a signature that was used before. If the key's on_replay is attach, it lets the same request
// through again. A signature is identified by its signed text, not by the header, which can be written in several
// ways.
//
// The text of version 1 contains neither method nor path, so all reads within one second have the same signature.
// Reads are therefore not rejected, but a signature that was used for a read cannot start a run.
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

// digestUse returns the identifier of a use of a signature.
func digestUse(parts ...string) string {
	sum := sha256.Sum256([]byte(strings.Join(parts, "\x00")))
	return hex.EncodeToString(sum[:16])
}
