package auth

import (
	"context"
	"errors"
	"fmt"
	"strconv"

	"github.com/penstock/penstock/internal/totp"
	"github.com/penstock/penstock/store"
)

// errWrongCode is for Guard.Check only.
var errWrongCode = errors.New("the code is wrong")

// Code reports whether a code is right that a user proves besides the password: one of the authenticator, or a recovery code. Each is accepted
// once, by all processes together. While the caller has to wait, the error is a CodeSlowDown *Error, whether the code is right or not; other
// errors wrap ErrUnavailable. The guard counts codes apart from passwords: a right password forgives no wrong code.
func (a *Authority) Code(ctx context.Context, u *store.User, typed, ip string) (bool, error) {
	users, code, now := a.config.Store.Users(), totp.Plain(typed), a.config.Now()
	secret, err := users.OpenTOTP(u)
	if err != nil {
		return false, fmt.Errorf("open second factor of %s: %w: %w", u.Name, ErrUnavailable, err)
	}
	step, right := totp.Match(secret, code, now)
	hash := totp.HashRecovery(u.Name, code)
	spare := totp.Recovery(u.Recovery, hash) // compared whatever was typed
	proof := Proof{Name: "totp:" + u.Name, IP: ip, Now: now, Valid: right || spare, Strong: spare}
	if err := a.config.Guard.Check(ctx, proof, errWrongCode); err != nil {
		if errors.Is(err, errWrongCode) {
			err = nil
		}
		return false, err
	}
	if spare {
		first, err := users.SpendRecovery(ctx, u.Name, hash)
		if err != nil {
			return false, fmt.Errorf("%w: %w", ErrUnavailable, err)
		}
		return first, nil
	}
	return a.UseStep(ctx, u.Name, step)
}

// UseStep notes that the code of a step was used, and reports whether it is the first time (RFC 6238, section 5.2). Errors wrap ErrUnavailable.
func (a *Authority) UseStep(ctx context.Context, user string, step int64) (bool, error) {
	first, err := a.config.Store.Tokens().MarkUsed(ctx, "totp:"+user, strconv.FormatInt(step, 10), totp.Remember)
	if err != nil {
		return false, fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	return first, nil
}

// MustSetUp reports whether a user, who has just proved the password in a browser, has to set up a second factor before anything else.
func (a *Authority) MustSetUp(u *store.User) bool { return a.config.RequireTOTP && !u.HasTOTP() }

// passwordOnly is the reason why the API does not take the password of a user alone; empty: it does. A program, which has only the role
// api_user and no right in a folder, cannot sign in to the console, and has no second factor to bypass.
func (a *Authority) passwordOnly(u *store.User, v *store.FolderView) string {
	switch {
	case u.HasTOTP():
		return "this user signs in with a second factor, so that the password alone does not open the API: make a personal token in the console, under Your account, and send it as Authorization: Bearer pstpat_…"
	case a.MustSetUp(u) && (u.IsPerson() || len(GrantedToUser(v, u)) > 0):
		return "users of the console need a second factor here, so that the password alone does not open the API: sign in to the console, set it up, and make a personal token under Your account"
	}
	return ""
}
