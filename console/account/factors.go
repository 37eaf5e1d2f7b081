package account

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/penstock/penstock/console/session"
	"github.com/penstock/penstock/console/view"
	"github.com/penstock/penstock/internal/totp"
	"github.com/penstock/penstock/store"
)

// Codes verifies codes of users who have a second factor. *auth.Authority implements it.
type Codes interface {
	// Code reports whether a code is right, which counts once. The error may be an *auth.Error that says to wait.
	Code(ctx context.Context, u *store.User, typed, ip string) (bool, error)
	// UseStep notes that the code of a time step was used; false: it was before.
	UseStep(ctx context.Context, user string, step int64) (bool, error)
}

// Sealer encrypts the secret of an authenticator that is set up. *store.Store implements it.
type Sealer interface {
	Seal(record, secret string) (string, error)
	Unseal(record, sealed string) (string, error)
}

// sealedFor is the name of what a secret belongs to until it is in the record of its user.
func sealedFor(user string) string { return "totp/" + user }

// NewSecret returns the secret of a new authenticator of a user, sealed.
func NewSecret(s Sealer, user string) (string, error) {
	return s.Seal(sealedFor(user), totp.NewSecret())
}

// SetUp returns what a page shows of an authenticator that is set up.
func SetUp(s Sealer, wait session.Pending, host string) (*view.SetUp, error) {
	secret, err := s.Unseal(sealedFor(wait.User), wait.Secret)
	if err != nil {
		return nil, err
	}
	picture, err := totp.QR(totp.URI(strings.TrimSpace("Penstock "+host), wait.User, secret))
	if err != nil {
		return nil, err
	}
	shown := &view.SetUp{Picture: picture}
	for ; len(secret) > 4; secret = secret[4:] {
		shown.Secret += secret[:4] + " "
	}
	shown.Secret += secret
	return shown, nil
}

// ErrWrongCode reports a code that is not that of the authenticator which is set up.
var ErrWrongCode = errors.New("the code is wrong")

// errMeanwhile reports a user who changed while an authenticator was set up.
var errMeanwhile = &store.InvalidError{Member: "user", Reason: "was changed in the meantime: begin again"}

// Factors turns second factors on.
type Factors struct {
	Users     *store.Users
	Sealer    Sealer
	Authority Codes
	Now       func() time.Time
}

// TurnOn makes the authenticator with a sealed secret the second factor of a user, if the code is its. It returns the user, whose sessions and
// tokens have ended, and the recovery codes, which nothing returns again. Error: ErrWrongCode.
func (f Factors) TurnOn(ctx context.Context, u *store.User, sealed, typed string) (*store.User, []string, error) {
	secret, err := f.Sealer.Unseal(sealedFor(u.Name), sealed)
	if err != nil {
		return nil, nil, err
	}
	step, right := totp.Match(secret, totp.Plain(typed), f.Now())
	if !right {
		return nil, nil, ErrWrongCode
	}
	if _, err := f.Authority.UseStep(ctx, u.Name, step); err != nil { // so that nobody who saw it signs in with it
		return nil, nil, err
	}
	codes, hashes := totp.NewRecovery(u.Name)
	changed, err := f.Users.SetTOTP(ctx, u.Name, secret, hashes, f.Now(), func(now *store.User) error {
		if now.Epoch != u.Epoch || now.HasTOTP() {
			return errMeanwhile
		}
		return nil
	})
	return changed, codes, err
}
