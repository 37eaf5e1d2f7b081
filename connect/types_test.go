package connect

import (
	"maps"
	"strings"
	"testing"

	"github.com/penstock/penstock/store"
)

func TestTypesAreDescribed(t *testing.T) {
	t.Parallel()
	for _, typ := range Types(nil) {
		if typ.Summary == "" || typ.open == nil {
			t.Errorf("%s is incomplete", typ.Name)
		}
		seen := map[string]bool{}
		for _, f := range typ.Fields {
			if f.Name == "" || !strings.HasSuffix(f.Summary, ".") || seen[f.Name] || (f.Kind == FieldChoice) != (len(f.Choices) > 0) {
				t.Errorf("%s: field %q is incomplete or comes twice", typ.Name, f.Name)
			}
			seen[f.Name] = true
			if secret := strings.Contains(f.Name, "password") || strings.Contains(f.Name, "secret"); secret && !f.Secret {
				t.Errorf("%s: %s is not secret", typ.Name, f.Name)
			}
		}
	}
}

func TestCheck(t *testing.T) {
	t.Parallel()
	api := []string{"api.example.org"}
	server := map[string]string{"host": "db", "database": "d", "username": "u"}
	with := func(base map[string]string, more ...string) map[string]string {
		settings := maps.Clone(base)
		for i := 0; i < len(more); i += 2 {
			settings[more[i]] = more[i+1]
		}
		return settings
	}
	token := map[string]string{"token_url": "https://auth.example.org/token", "client_id": "c"}
	sftp := map[string]string{"host": "bank", "username": "u", "host_key": "SHA256:" + strings.Repeat("A", 43)}
	s3 := map[string]string{"access_key_id": "a", "secret_access_key": "s3cret"}
	tests := []struct {
		kind     string
		hosts    []string
		settings map[string]string
		want     string // "": valid
	}{
		{"ftp", nil, nil, `type is "ftp", not one of basic, bearer`},
		{"basic", api, map[string]string{"username": "u", "password": "p"}, ""},
		{"basic", api, map[string]string{"password": "s3cret"}, "username is missing"},
		{"basic", api, map[string]string{"username": "u", "pasword": "s3cret"}, `unknown setting "pasword" of a basic connection`},
		{"basic", nil, map[string]string{"username": "u"}, "hosts is empty"},
		{"basic", []string{"https://"}, map[string]string{"username": "u"}, "is no host such as"},
		{"bearer", api, map[string]string{"token": "s3cret\r\nX: y"}, "token has a line break"},
		{"bearer", api, map[string]string{"token": strings.Repeat("x", maxSetting+1)}, "token is larger than 65536 bytes"},
		{"api_key", api, map[string]string{"value": "v", "in": "s3cret"}, "in is not one of header, query"},
		{"api_key", api, map[string]string{"value": "v", "name": "a b"}, `name: "a b" is not a header name`},
		{"api_key", api, map[string]string{"value": "v", "in": "query", "name": "a b"}, ""},
		{"mtls", api, map[string]string{"certificate": "x", "key": "s3cret"}, "certificate and key are no PEM pair"},
		{"oauth2_client", api, token, ""},
		{"oauth2_client", api, with(token, "token_url", "http://auth.example.org/token"), "token_url is no https:// address"},
		{"oauth2_client", api, with(token, "token_url", "https://u:p@auth.example.org/token"), "token_url is no https:// address"},
		{"oauth2_client", api, with(token, "token_url", "http://127.0.0.1:9000/token"), ""},
		{"oauth2_refresh", api, token, "refresh_token is missing"},
		{"oauth2_refresh", api, with(token, "authorize_url", "https://auth.example.org/authorize"), ""},
		{"oauth2_refresh", api, with(token, "authorize_url", "http://auth.example.org/authorize"), "authorize_url is no https:// address"},
		{"jwt_assertion", api, map[string]string{"token_url": "https://a/t"}, "needs either key or assertion"},
		{"jwt_assertion", api, map[string]string{"token_url": "https://a/t", "key": "s3cret", "issuer": "i"}, "key holds no PEM private key"},
		{"jwt_assertion", api, map[string]string{"token_url": "https://a/t", "key": "s3cret", "issuer": "i", "algorithm": "HS256"}, "key is no key for HS256"},
		{"jwt_assertion", api, map[string]string{"token_url": "https://a/t", "key": strings.Repeat("k", 32), "issuer": "i", "algorithm": "HS256", "claims": "[]"}, "claims is no JSON object"},
		{"jwt_assertion", api, map[string]string{"token_url": "https://a/t", "key": strings.Repeat("k", 32), "issuer": "i", "algorithm": "HS256"}, ""},
		{"jwt_assertion", api, map[string]string{"token_url": "https://a/t", "assertion": "a.b.c"}, ""},
		{"oauth2_client", api, with(token, "token_params", "account_id: a\n\ngrant: b"), ""},
		{"oauth2_client", api, with(token, "token_params", "account_id: a\ns3cret"), "token_params: line 2 is not written as name: value"},
		{"oauth2_client", api, with(token, "token_params", "client_secret: s3cret"), "token_params: client_secret is no further parameter"},
		{"oauth2_client", api, with(token, "client_auth", "private_key_jwt"), "client_key is missing"},
		{"oauth2_client", api, with(token, "client_auth", "private_key_jwt", "client_key", "s3cret"), "client_key holds no PEM private key"},
		{"oauth2_client", api, with(token, "client_key", "s3cret"), "client_key has no meaning without client_auth: private_key_jwt"},
		{"oauth2_client", api, with(token, "client_auth", "private_key_jwt", "client_key", "s3cret", "client_secret", "s3cret"), "client_secret has no meaning with"},
		{"api", api, map[string]string{"headers": "X-A: a:b\nX-B: c", "query": "k: v", "body": "key: v"}, ""},
		{"api", api, map[string]string{"headers": " "}, "headers, query and body are empty"},
		{"api", api, map[string]string{"headers": "X-A: a\ns3cret"}, "headers: line 2 is not written as name: value"},
		{"api", api, map[string]string{"headers": "Host: s3cret"}, `the header "Host" cannot be sent`},
		{"api", api, map[string]string{"headers": "a b: s3cret"}, `the header "a b" cannot be sent`},
		{"session", api, map[string]string{"login_url": "https://a/l", "login": "u: a"}, ""},
		{"session", api, map[string]string{"login_url": "http://a/l", "login": "u: a"}, "login_url is no https:// address"},
		{"session", api, map[string]string{"login_url": "https://a/l", "login": "s3cret"}, "login: line 1 is not written as name: value"},
		{"session", api, map[string]string{"login_url": "https://a/l", "login": "u: a", "value": "Bearer"}, "value has no {token} in it"},
		{"session", api, map[string]string{"login_url": "https://a/l", "login": "u: a", "header": "Host"}, "header or value cannot be sent"},
		{"session", api, map[string]string{"login_url": "https://a/l", "login": "u: a", "token": "header:a b"}, "is not a header name"},
		{"aws_sigv4", api, map[string]string{"access_key_id": "a", "secret_access_key": "s3cret", "region": "EU", "service": "s3"}, "region is no name"},
		{"aws_sigv4", api, map[string]string{"access_key_id": "a", "secret_access_key": "s3cret", "region": "eu-west-1"}, "service is missing"},
		{"postgres", nil, server, ""},
		{"postgres", nil, with(server, "port", "0"), "port is not a whole number from 1 to 65535"},
		{"postgres", nil, with(server, "port", "s3cret"), "port is not a whole number"},
		{"postgres", nil, with(server, "tls", "maybe"), "tls is not one of verify, none"},
		{"postgres", nil, with(server, "ca", "s3cret"), "ca holds no PEM certificate"},
		{"postgres", api, server, "hosts has no meaning for a postgres connection"},
		{"mysql", nil, with(server, "password", "p@:/?#"), ""},
		{"sqlserver", nil, with(server, "password", "p@:/?#;{}"), ""},
		{"sqlite", nil, map[string]string{"file": "a/b.db"}, ""},
		{"sqlite", nil, map[string]string{"file": "../b.db"}, "file is no path inside"},
		{"sqlite", nil, map[string]string{"file": "/etc/passwd"}, "file is no path inside"},
		{"sqlite", nil, map[string]string{"file": ":memory:"}, "file is no path inside"},
		{"smtp", nil, map[string]string{"host": "mail", "from": "a@b.org"}, ""},
		{"smtp", nil, map[string]string{"host": "mail", "from": "nobody"}, "from is no address"},
		{"smtp", nil, map[string]string{"host": "mail", "from": "a@b.org", "tls": "none"}, "tls: none is for a server on loopback only"},
		{"smtp", nil, map[string]string{"host": "127.0.0.1", "from": "a@b.org", "tls": "none"}, ""},
		{"smtp", nil, map[string]string{"host": "mail", "from": "a@b.org", "tls": "none", "trusted_network": "10.0.0.0/8, fd00::/8"}, ""},
		{"smtp", nil, map[string]string{"host": "10.1.2.3", "from": "a@b.org", "tls": "none", "trusted_network": "10.0.0.0/8"}, ""},
		{"smtp", nil, map[string]string{"host": "11.1.2.3", "from": "a@b.org", "tls": "none", "trusted_network": "10.0.0.0/8"}, "host is in neither"},
		{"smtp", nil, map[string]string{"host": "mail", "from": "a@b.org", "tls": "none", "trusted_network": "10.0.0.0"}, `trusted_network: "10.0.0.0" is no network`},
		{"smtp", nil, map[string]string{"host": "mail", "from": "a@b.org", "trusted_network": "10.0.0.0/8"}, "trusted_network has a meaning with tls: none only"},
		{"sftp", nil, with(sftp, "password", "p"), ""},
		{"sftp", nil, sftp, "password and private_key are empty"},
		{"sftp", nil, with(sftp, "host_key", ""), "host_key is missing"},
		{"sftp", nil, with(sftp, "host_key", "# none"), "host_key is missing"},
		{"sftp", nil, with(sftp, "host_key", "SHA256:short"), "host_key: line 1 is no fingerprint"},
		{"sftp", nil, with(sftp, "host_key", "\nMD5:00:11"), "host_key: line 2 is neither a public key"},
		{"sftp", nil, with(sftp, "private_key", "s3cret"), "private_key holds no private key"},
		{"s3", nil, s3, ""},
		{"s3", nil, with(s3, "endpoint", "https://minio.example.org:9000/"), ""},
		{"s3", nil, with(s3, "endpoint", "minio.example.org"), "endpoint is no address"},
		{"s3", nil, with(s3, "endpoint", "https://minio.example.org/bucket"), "endpoint is no address"},
		{"s3", nil, with(s3, "endpoint", "http://minio.example.org"), "http:// is for a server on loopback only"},
		{"s3", nil, with(s3, "endpoint", "http://127.0.0.1:9000"), ""},
		{"s3", nil, with(s3, "endpoint", "http://minio.internal", "trusted_network", "10.0.0.0/8"), ""},
		{"s3", nil, with(s3, "trusted_network", "10.0.0.0/8"), "trusted_network has a meaning with http:// only"},
		{"s3", nil, with(s3, "path_style", "maybe"), "path_style is not one of"},
	}
	for _, test := range tests {
		err := Check(nil, &store.Connection{Name: "c", Type: test.kind, Hosts: test.hosts, Settings: test.settings})
		switch {
		case test.want == "" && err != nil, test.want != "" && (err == nil || !strings.Contains(err.Error(), test.want)):
			t.Errorf("%s %v: %v, want %s", test.kind, test.settings, err, test.want)
		case err != nil && strings.Contains(err.Error(), "s3cret"):
			t.Errorf("%s: the error shows a setting: %v", test.kind, err)
		}
	}
}

func TestShownHidesSecrets(t *testing.T) {
	t.Parallel()
	c := &store.Connection{Name: "c", Type: "basic", Settings: map[string]string{"username": "u", "password": "p", "other": "o"}}
	if got := Shown(nil, c); len(got.Settings) != 1 || got.Settings["username"] != "u" || len(c.Settings) != 3 {
		t.Errorf("shown: %#v of %v", got.Settings, c.Settings)
	}
	c.Type = "unknown"
	if got := Shown(nil, c); len(got.Settings) != 0 {
		t.Errorf("of an unknown type: %v", got.Settings)
	}
}
