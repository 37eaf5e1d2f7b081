package auth

import (
	"context"
	"errors"
	"net/http"
	"net/url"

	"github.com/penstock/penstock/internal/httpauth"
	"github.com/penstock/penstock/store"
)

// basicScheme authenticates users with the role api_user by name and password (RFC 7617).
type basicScheme struct{ *Authority }

var errBasic = &Error{Code: CodeUnauthorized, Message: "the user name or password is wrong, or the user may not use the API"}

// Authenticate implements Authenticator.
func (s basicScheme) Authenticate(ctx context.Context, r *Request) (*Principal, error) {
	credentials, uses, err := authorization(r.Header, "basic")
	if err != nil || !uses {
		return nil, err
	}
	name, secret, ok := httpauth.ParseBasic(credentials)
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
	if reason := s.passwordOnly(user); reason != "" {
		return nil, &Error{Code: CodeUnauthorized, Message: reason}
	}
	return UserPrincipal(user), nil
}

// UserPrincipal returns the principal of a user.
func UserPrincipal(u *store.User) *Principal {
	return &Principal{Kind: KindUser, ID: u.Name, Name: u.Name, Scopes: ScopesOf(u), Staff: isStaff(u)}
}

func isStaff(u *store.User) bool {
	return u.Is(store.RoleAdmin) || u.Is(store.RoleOperator) || u.Is(store.RoleViewer)
}

// apiUser returns the user with this name and password, or nil when the credentials are wrong or the user may not
// use the API. The caller cannot tell these cases apart, neither by the result nor by the time.
func (a *Authority) apiUser(ctx context.Context, name, secret, ip string) (*store.User, error) {
	user, err := a.user(ctx, name, secret, ip)
	if err != nil || user == nil || !user.Is(store.RoleAPIUser) {
		return nil, err
	}
	return user, nil
}

// authorization returns the credentials in the Authorization header if it names the scheme. More than one such
// header is an error, because it would be ambiguous which one counts.
func authorization(h http.Header, scheme string) (credentials string, uses bool, err error) {
	values := h.Values("Authorization")
	if len(values) == 0 {
		return "", false, nil
	}
	if len(values) > 1 {
		return "", false, &Error{Code: CodeUnauthorized, Message: "there is more than one Authorization header"}
	}
	credentials, uses = httpauth.Credentials(values[0], scheme)
	return credentials, uses, nil
}

// pairs returns the possible meanings of a client's Basic credentials: as sent, and form-decoded. RFC 6749 requires
// form encoding, but many clients do not encode.
func pairs(id, secret string) [][2]string {
	all := [][2]string{{id, secret}}
	plainID, err1 := url.QueryUnescape(id)
	plain, err2 := url.QueryUnescape(secret)
	if err1 == nil && err2 == nil && (plainID != id || plain != secret) {
		all = append(all, [2]string{plainID, plain})
	}
	return all
}
