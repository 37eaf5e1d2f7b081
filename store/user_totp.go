package store

import (
	"context"
	"errors"
	"slices"
	"time"
)

// SecondFactor is what a user proves besides the password, see package internal/totp. The zero value: nothing.
type SecondFactor struct {
	// TOTPSecret is the secret of the authenticator, sealed; empty: there is none. It is sealed again with the other secrets.
	TOTPSecret string    `json:"totp_secret,omitempty"`
	TOTPSince  time.Time `json:"totp_since,omitzero"`
	Recovery   []string  `json:"recovery,omitempty"` // hashes of the recovery codes that were not used
}

// HasTOTP reports whether the user proves a code besides the password.
func (u *User) HasTOTP() bool { return u.TOTPSecret != "" }

// IsPerson reports whether the user has a role with which people sign in to the console or the developer portal, or no role, so that it has
// rights in folders at most. Others are programs.
func (u *User) IsPerson() bool {
	return len(u.Roles) == 0 || slices.ContainsFunc(u.Roles, func(r Role) bool { return r != RoleAPIUser })
}

// ErrNoPassword reports that a user without a password has no second factor: the provider asks for it.
var ErrNoPassword = errors.New("the user has no password")

// SetTOTP turns a user's second factor on, or replaces it. check may refuse, and may be called more than once. All sessions and tokens of the
// user end. Errors: ErrNotFound, ErrNoPassword, that of check.
func (us *Users) SetTOTP(ctx context.Context, name, secret string, recovery []string, now time.Time, check func(*User) error) (*User, error) {
	if err := us.all.store.needSchema(ctx, "the second factor"); err != nil {
		return nil, err
	}
	return us.Change(ctx, name, func(u *User) error {
		if u.Hash == "" {
			return ErrNoPassword
		}
		if err := check(u); err != nil {
			return err
		}
		sealed, err := us.all.store.Seal(kindUser.of(name), secret)
		if err != nil {
			return err
		}
		u.SecondFactor = SecondFactor{sealed, now.UTC(), recovery}
		u.Epoch = "" // what began with the password alone ends
		return nil
	})
}

// RemoveTOTP removes the second factor of a copy of a user, in an edit of Change. All sessions and tokens of the user end.
func (u *User) RemoveTOTP() {
	if u.HasTOTP() {
		u.SecondFactor, u.Epoch = SecondFactor{}, ""
	}
}

// OpenTOTP returns the secret of a user's authenticator. Errors: *MissingKeyError, *DamagedError.
func (us *Users) OpenTOTP(u *User) (string, error) {
	return us.all.store.config.Sealer.Open(kindUser.of(u.Name), u.TOTPSecret)
}

// errSpent reports a recovery code that was used at the same moment.
var errSpent = errors.New("the recovery code was used")

// SpendRecovery takes the hash of a recovery code from a user and reports whether it was there: only one of several callers gets it.
func (us *Users) SpendRecovery(ctx context.Context, name, hash string) (bool, error) {
	_, err := us.Change(ctx, name, func(u *User) error {
		at := slices.Index(u.Recovery, hash)
		if at < 0 {
			return errSpent
		}
		u.Recovery = slices.Delete(u.Recovery, at, at+1)
		return nil
	})
	if errors.Is(err, errSpent) || errors.Is(err, ErrNotFound) {
		return false, nil
	}
	return err == nil, err
}
