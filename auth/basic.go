package auth

import (
	"context"
	"encoding/base64"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"unicode/utf8"

	"github.com/penstock/penstock/store"
)

// basicScheme lets users in by name and password, if they may use the API.
type basicScheme struct{ *Authority }

var errBasic = &Error{Code: CodeUnauthorized, Message: "the user name or password is wrong, or the user may not use the API"}

// Authenticate implements Authenticator.
func (s basicScheme) Authenticate(ctx context.Context, r *Request) (*Principal, error) {
	credentials, uses, err := authorization(r.Header, "basic")
	if err != nil || !uses {
		return nil, err
	}
	name, secret, ok := parseBasic(credentials)
	if !ok {
		return nil, &Error{Code: CodeUnauthorized, Message: "the Basic credentials cannot be read: base64 of name:password in UTF-8 is expected"}
	}
	user, err := s.apiUser(ctx, name, secret, r.IP)
	var late *delayedError
	switch {
	case errors.As(err, &late):
		return nil, tooMany(late.For)
	case err != nil:
		return nil, err
	case user == nil:
		return nil, errBasic
	}
	return UserPrincipal(user), nil
}

// UserPrincipal is the principal that a user of the API is.
func UserPrincipal(u *store.User) *Principal {
	return &Principal{Kind: KindUser, ID: u.Name, Name: u.Name, Scopes: UserScopes(u.Roles), Staff: isStaff(u)}
}

func isStaff(u *store.User) bool {
	return u.Is(store.RoleAdmin) || u.Is(store.RoleOperator) || u.Is(store.RoleViewer)
}

// apiUser returns the user that a name and password prove, nil when they
// prove nobody who may use the API: which of the two is not told, nor does it
// show in the time it takes.
func (a *Authority) apiUser(ctx context.Context, name, secret, ip string) (*store.User, error) {
	user, err := a.user(ctx, name, secret, ip)
	if err != nil || user == nil || !user.Is(store.RoleAPIUser) {
		return nil, err
	}
	return user, nil
}

// authorization returns what follows a scheme's name in the Authorization
// header. Two such headers are nobody's: which one would count?
func authorization(h http.Header, scheme string) (credentials string, uses bool, err error) {
	values := h.Values("Authorization")
	if len(values) == 0 {
		return "", false, nil
	}
	if len(values) > 1 {
		return "", false, &Error{Code: CodeUnauthorized, Message: "there is more than one Authorization header"}
	}
	name, rest, _ := strings.Cut(strings.TrimSpace(values[0]), " ")
	return strings.TrimSpace(rest), strings.EqualFold(name, scheme), nil
}

func parseBasic(credentials string) (name, secret string, ok bool) {
	text, err := base64.StdEncoding.DecodeString(credentials)
	if err != nil || !utf8.Valid(text) {
		return "", "", false
	}
	return strings.Cut(string(text), ":")
}

// pairs are what the two sides of Basic may mean for a client: as they are,
// and form-decoded, as RFC 6749 has it and half of the world does not.
func pairs(id, secret string) [][2]string {
	all := [][2]string{{id, secret}}
	plainID, err1 := url.QueryUnescape(id)
	plain, err2 := url.QueryUnescape(secret)
	if err1 == nil && err2 == nil && (plainID != id || plain != secret) {
		all = append(all, [2]string{plainID, plain})
	}
	return all
}
