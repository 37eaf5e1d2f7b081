package auth

import (
	"net/http"
	"testing"

	"github.com/penstock/penstock/internal/httpauth"
)

// The credentials are the ones that Integrify's documentation prints, without padding, and those of RFC 7617.
func TestParseBasic(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name, header, user, password string
		ok                           bool
	}{
		{"padded", "Basic ZGVtbzpwQDU1dzByZA==", "demo", "p@55w0rd", true},
		{"without padding, as Integrify prints it", "Basic ZGVtbzpwQDU1dzByZA", "demo", "p@55w0rd", true},
		{"one character of padding", "Basic YW5uOmFuOQ==", "ann", "an9", true},
		{"no padding needed", "Basic YW5uOmFu", "ann", "an", true},
		{"RFC 7617 section 2", "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==", "Aladdin", "open sesame", true},
		{"RFC 7617 section 2.1", "Basic dGVzdDoxMjPCow==", "test", "123£", true},
		{"the same, without padding", "Basic dGVzdDoxMjPCow", "test", "123£", true},
		{"scheme in lower case", "basic ZGVtbzpwQDU1dzByZA", "demo", "p@55w0rd", true},
		{"scheme in upper case", "BASIC ZGVtbzpwQDU1dzByZA==", "demo", "p@55w0rd", true},
		{"several spaces", "  Basic   ZGVtbzpwQDU1dzByZA== ", "demo", "p@55w0rd", true},
		{"a tab", "Basic\tZGVtbzpwQDU1dzByZA", "demo", "p@55w0rd", true},
		{"colon in the password", "Basic YTpiOmM", "a", "b:c", true},
		{"half of the padding", "Basic ZGVtbzpwQDU1dzByZA=", "", "", false},
		{"too much padding", "Basic ZGVtbzpwQDU1dzByZA===", "", "", false},
		{"one character too many", "Basic ZGVtbzpwQDU1dzByZAAAA", "", "", false},
		{"no colon", "Basic ZGVtbw", "", "", false},
		{"not UTF-8", "Basic /zo", "", "", false},
		{"two texts", "Basic ZGVtbzpw QDU1dzByZA", "", "", false},
		{"nothing", "Basic", "", "", false},
	} {
		credentials, uses, err := authorization(http.Header{"Authorization": {tc.header}}, "basic")
		if err != nil || !uses {
			t.Errorf("%s: uses %v, %v", tc.name, uses, err)
		}
		user, password, ok := httpauth.ParseBasic(credentials)
		if ok != tc.ok || ok && (user != tc.user || password != tc.password) {
			t.Errorf("%s: %q, %q, %v", tc.name, user, password, ok)
		}
	}
	for _, other := range []string{"", "Basical QQ", "Bearer ZGVtbzpwQDU1dzByZA", "ZGVtbzpwQDU1dzByZA"} {
		if _, uses := httpauth.Credentials(other, "basic"); uses {
			t.Errorf("%q uses Basic", other)
		}
	}
}
