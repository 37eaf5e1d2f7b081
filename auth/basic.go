package auth

import (
	"context"
	"errors"
	"net/http"
	"net/url"

	"github.com/penstock/penstock/internal/httpauth"
	"github.com/penstock/penstock/store"
)

// basicScheme authenticates users who may use the API by name and password (RFC 7617).
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
	v, err := viewOf(ctx, s.config.Store.Folders())
	if err != nil {
		return nil, err
	}
	if reason := s.passwordOnly(user, v); reason != "" {
		return nil, &Error{Code: CodeUnauthorized, Message: reason}
	}
	return UserPrincipal(user, v), nil
}

// UserPrincipal returns the principal of a user at the API: what the roles allow counts with the role api_user alone, rights in folders
// count in any case. A disabled user has none of both.
func UserPrincipal(u *store.User, v *store.FolderView) *Principal {
	p := &Principal{Kind: KindUser, ID: u.Name, Name: u.Name, folders: v, Granted: GrantedToUser(v, u)}
	if u.Is(store.RoleAPIUser) {
		p.Scopes, p.Staff = ScopesOf(u), isStaff(u)
	}
	return p
}

func isStaff(u *store.User) bool {
	return u.Is(store.RoleAdmin) || u.Is(store.RoleOperator) || u.Is(store.RoleAuthor) || u.Is(store.RoleViewer)
}

// mayUseAPI reports whether a user may call the API: with the role api_user, or with a right in a folder. The error wraps
// ErrUnavailable.
func (a *Authority) mayUseAPI(ctx context.Context, u *store.User) (bool, error) {
	if u.Is(store.RoleAPIUser) {
		return true, nil
	}
	v, err := viewOf(ctx, a.config.Store.Folders())
	return err == nil && len(GrantedToUser(v, u)) > 0, err
}

// apiUser returns the user with this name and password, or nil when the credentials are wrong or the user may not
// use the API. The caller cannot tell these cases apart, neither by the result nor by the time.
func (a *Authority) apiUser(ctx context.Context, name, secret, ip string) (*store.User, error) {
	user, err := a.user(ctx, name, secret, ip)
	if err != nil || user == nil {
		return nil, err
	}
	if may, err := a.mayUseAPI(ctx, user); err != nil || !may {
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
