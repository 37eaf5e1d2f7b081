package steps_test

import (
	"archive/zip"
	"bytes"
	"compress/gzip"
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/ProtonMail/go-crypto/openpgp"
	"github.com/ProtonMail/go-crypto/openpgp/armor"
	"github.com/ProtonMail/go-crypto/openpgp/packet"
	"github.com/go-jose/go-jose/v4"

	"github.com/penstock/penstock/flows"
	"github.com/penstock/penstock/internal/blob"
	"github.com/penstock/penstock/internal/blob/blobtest"
)

// secretTexts are secrets by name.
type secretTexts map[string]string

func (s secretTexts) Secret(_ context.Context, name string) (string, error) {
	text, ok := s[name]
	if !ok {
		return "", fmt.Errorf("there is no secret %q", name)
	}
	return text, nil
}

// encoded runs an encode step, and returns its one item. env may have files.
func encoded(t *testing.T, env flows.Env, step string, event any) (any, error) {
	t.Helper()
	flow, err := oneStep("encode: " + step)
	if err != nil {
		t.Fatalf("%s: %v", step, err)
	}
	items, err := flow.Execute(t.Context(), flows.Run{ID: fileRun, Attempt: 1, Event: event}, env)
	if err != nil {
		return nil, err
	}
	return items[0], nil
}

// fails expects a failure with a text in it, that shows no secret.
func fails(t *testing.T, env flows.Env, step string, event any, want string) {
	t.Helper()
	v, err := encoded(t, env, step, event)
	if err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("%s: %.100v, %v, want %s", step, v, err, want)
	}
	if secrets, ok := env.Secrets.(secretTexts); ok && err != nil {
		for name, text := range secrets {
			if len(text) > 8 && strings.Contains(err.Error(), text) {
				t.Errorf("%s: the error shows the secret %s", step, name)
			}
		}
	}
}

func pemOf(t *testing.T, kind string, key any) string {
	t.Helper()
	der, err := x509.MarshalPKIXPublicKey(key)
	if kind == "PRIVATE KEY" {
		der, err = x509.MarshalPKCS8PrivateKey(key)
	}
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}))
}

func jwkOf(t *testing.T, keys ...jose.JSONWebKey) string {
	t.Helper()
	var v any = jose.JSONWebKeySet{Keys: keys}
	if len(keys) == 1 {
		v = keys[0]
	}
	text, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestTokens(t *testing.T) {
	t.Parallel()
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	ec, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	_, ed, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	stranger, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	claims := map[string]any{"sub": "ann", "exp": time.Now().Add(time.Hour).Unix()}
	for algorithm, key := range map[string]crypto.Signer{"RS256": rsaKey, "PS256": rsaKey, "RS512": rsaKey, "ES256": ec, "EdDSA": ed} {
		env := flows.Env{Secrets: secretTexts{
			"private": pemOf(t, "PRIVATE KEY", key), "public": pemOf(t, "PUBLIC KEY", key.Public()),
			"jwk": jwkOf(t, jose.JSONWebKey{Key: key, KeyID: "k1"}), "jwks": jwkOf(t, jose.JSONWebKey{Key: stranger.Public(), KeyID: "k0"}, jose.JSONWebKey{Key: key.Public(), KeyID: "k1"}),
			"stranger": pemOf(t, "PUBLIC KEY", stranger.Public()), "text": "no key at all",
		}}
		for _, private := range []string{"private", "jwk"} {
			token, err := encoded(t, env, "{jwt: '${ . }', algorithm: "+algorithm+", key_id: k1, secret: "+private+"}", claims)
			if err != nil {
				t.Fatalf("%s: %v", algorithm, err)
			}
			if parsed, err := jose.ParseSignedCompact(token.(string), []jose.SignatureAlgorithm{jose.SignatureAlgorithm(algorithm)}); err != nil || parsed.Signatures[0].Header.KeyID != "k1" {
				t.Errorf("%s: jose reads %v", algorithm, err)
			} else if _, err := parsed.Verify(key.Public()); err != nil {
				t.Errorf("%s: jose says %v", algorithm, err)
			}
			for _, public := range []string{"public", "private", "jwk", "jwks"} {
				read, err := encoded(t, env, "{jwt: '${ . }', decode: true, algorithm: "+algorithm+", secret: "+public+"}", token)
				if err != nil || read.(map[string]any)["sub"] != "ann" {
					t.Errorf("%s with %s: %v, %v", algorithm, public, read, err)
				}
			}
			fails(t, env, "{jwt: '${ . }', decode: true, algorithm: "+algorithm+", secret: stranger}", token, "the signature of the token is wrong")
			for _, other := range []jose.JSONWebKey{{Use: "enc"}, {Algorithm: "ES512"}} {
				other.Key = key.Public()
				env.Secrets.(secretTexts)["only"] = jwkOf(t, other)
				env.Secrets.(secretTexts)["set"] = jwkOf(t, other, jose.JSONWebKey{Key: stranger.Public()})
				fails(t, env, "{jwt: '${ . }', decode: true, algorithm: "+algorithm+", secret: only}", token, "is no key for "+algorithm)
				fails(t, env, "{jwt: '${ . }', decode: true, algorithm: "+algorithm+", secret: set}", token, "the signature of the token is wrong")
			}
			for _, pair := range []string{"public", "private", "jwk", "jwks"} {
				fails(t, env, "{jwt: '${ . }', algorithm: HS256, secret: "+pair+"}", claims, "needs a text that only both sides know")
			}
			fails(t, env, "{jwt: '${ . }', decode: true, algorithm: HS256, secret: public}", token, `the token is signed with "`+algorithm+`", not with HS256`)
			head, rest, _ := strings.Cut(token.(string), ".")
			_, proof, _ := strings.Cut(rest, ".")
			forged := head + "." + base64.RawURLEncoding.EncodeToString([]byte(`{"sub":"bob"}`)) + "." + proof
			fails(t, env, "{jwt: '${ . }', decode: true, algorithm: "+algorithm+", secret: public}", forged, "the signature of the token is wrong")
		}
		fails(t, env, "{jwt: '${ . }', algorithm: "+algorithm+", secret: public}", claims, "is no key for "+algorithm)
		fails(t, env, "{jwt: '${ . }', algorithm: "+algorithm+", secret: text}", claims, "is no key for "+algorithm)
	}
	env := flows.Env{Secrets: secretTexts{"shared": "a shared secret"}}
	sign := func(claims any) any {
		token, err := encoded(t, env, "{jwt: '${ . }', algorithm: sha256, secret: shared}", claims)
		if err != nil {
			t.Fatal(err)
		}
		return token
	}
	const read = "{jwt: '${ . }', decode: true, algorithm: HS256, secret: shared}"
	if v, err := encoded(t, env, read, sign(claims)); err != nil || v.(map[string]any)["sub"] != "ann" {
		t.Errorf("HS256: %v, %v", v, err)
	}
	fails(t, env, read, sign(map[string]any{"exp": time.Now().Add(-2 * time.Minute).Unix()}), "the token has expired")
	fails(t, env, read, sign(map[string]any{"nbf": time.Now().Add(time.Hour).Unix()}), "the token is not valid yet")
	fails(t, env, read, sign(map[string]any{"exp": "soon"}), "the claim exp of the token is no time")
	fails(t, env, read, sign(claims).(string)+"x", "the signature of the token is wrong")
	fails(t, env, read, base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"HS256","crit":["b64"],"b64":false}`))+".e30.", "the token has crit")
	fails(t, env, read, base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"none"}`))+".e30.", `the token is signed with "none"`)
	fails(t, env, read, "a.b", "the text is no JSON Web Token")
}

func TestAESGCM(t *testing.T) {
	t.Parallel()
	store, file := newFiles(t, blobtest.Content(100_000))
	env := flows.Env{Files: store, Secrets: secretTexts{
		"base64": base64.StdEncoding.EncodeToString(bytes.Repeat([]byte{7}, 32)), "hex": strings.Repeat("07", 32), "other": strings.Repeat("08", 16), "short": "AAAA",
	}}
	seen := map[any]bool{}
	for range 3 {
		sealed, err := encoded(t, env, "{aes_gcm: '${ . }', secret: base64}", "hello")
		if err != nil || seen[sealed] {
			t.Fatalf("%v, %v", sealed, err)
		}
		seen[sealed] = true
		if opened, err := encoded(t, env, "{aes_gcm: '${ . }', decode: true, input: base64, secret: hex}", sealed); err != nil || opened != "hello" {
			t.Errorf("%v, %v", opened, err)
		}
		fails(t, env, "{aes_gcm: '${ . }', decode: true, input: base64, secret: other}", sealed, "it cannot be decrypted")
	}
	fails(t, env, "{aes_gcm: '${ . }', decode: true, input: base64, secret: hex}", "AAAA", "it cannot be decrypted")
	fails(t, env, "{aes_gcm: '${ . }', secret: short}", "hello", "is no key of AES")
	sealed, err := encoded(t, env, "{aes_gcm: '${ . }', secret: hex, input: file, output: file, name: a.enc}", file)
	if err != nil {
		t.Fatal(err)
	}
	opened, err := encoded(t, env, "{aes_gcm: '${ . }', decode: true, secret: hex, input: file, output: file}", sealed)
	if err != nil || opened.(map[string]any)["sha256"] != file["sha256"] {
		t.Errorf("%v, %v", opened, err)
	}
}

func TestGzip(t *testing.T) {
	t.Parallel()
	store, file := newFiles(t, blobtest.Content(1<<20))
	env := flows.Env{Files: store}
	packed, err := encoded(t, env, "{gzip: '${ . }', input: file, output: file, name: a.gz}", file)
	if err != nil {
		t.Fatal(err)
	}
	if unpacked, err := encoded(t, env, "{gzip: '${ . }', decode: true, input: file, output: file}", packed); err != nil || unpacked.(map[string]any)["sha256"] != file["sha256"] {
		t.Errorf("%v, %v", unpacked, err)
	}
	text, err := encoded(t, env, "{gzip: '${ . }'}", "hello")
	if err != nil {
		t.Fatal(err)
	}
	if got, err := encoded(t, env, "{gzip: '${ . }', decode: true, input: base64}", text); err != nil || got != "hello" {
		t.Errorf("%v, %v", got, err)
	}
	var bomb bytes.Buffer
	w := gzip.NewWriter(&bomb)
	_, _ = w.Write(make([]byte, 60<<20))
	_ = w.Close()
	encodedBomb := base64.StdEncoding.EncodeToString(bomb.Bytes())
	fails(t, env, "{gzip: '${ . }', decode: true, input: base64, output: base64, max_size: 1MB}", encodedBomb, "it is larger than 1 MB")
	fails(t, env, "{gzip: '${ . }', decode: true, input: base64, output: file, max_size: 1MB}", encodedBomb, "the file is larger than 1 MB")
	fails(t, env, "{gzip: '${ . }', decode: true, input: base64}", text.(string)[:len(text.(string))-8], "the bytes are no gzip, or were cut off")
	fails(t, env, "{gzip: '${ . }', decode: true, input: file}", file, "the bytes are no gzip")
	fails(t, env, "{gzip: '${ . }', decode: true, input: base64}", "", "the bytes are no gzip, or were cut off")
	fails(t, env, "{gzip: '${ . }', decode: true, input: file}", "blob:"+strings.Repeat("0", 32), "this run has no such file")
}

// zipOf returns an archive of names, in base64. The content of each is its name, or zeros.
func zipOf(t *testing.T, zeros int, names ...string) string {
	t.Helper()
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	for _, name := range names {
		f, err := w.Create(name)
		if err == nil && !strings.HasSuffix(name, "/") {
			_, err = f.Write(append(make([]byte, zeros), name...))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return base64.StdEncoding.EncodeToString(b.Bytes())
}

func TestZip(t *testing.T) {
	t.Parallel()
	content := blobtest.Content(1 << 20)
	store, file := newFiles(t, content)
	env := flows.Env{Files: store}
	entries := []any{
		map[string]any{"name": "in/a.bin", "file": file}, map[string]any{"name": "b.csv", "content": "id\n1\n"}, map[string]any{"name": "c", "base64": "AAE="},
	}
	packed, err := encoded(t, env, "{zip: '${ . }', output: file, name: all.zip}", entries)
	if err != nil {
		t.Fatal(err)
	}
	v, err := encoded(t, env, "{zip: '${ . }', decode: true, input: file, output: file}", packed)
	if err != nil {
		t.Fatal(err)
	}
	list := v.([]any)
	first := list[0].(map[string]any)
	if len(list) != 3 || first["name"] != "in/a.bin" || first["file"].(map[string]any)["sha256"] != file["sha256"] || first["file"].(map[string]any)["name"] != "a.bin" {
		t.Errorf("%v", list)
	}
	v, err = encoded(t, env, "{zip: '${ . }', decode: true, input: file, output: text, match: '*.csv'}", packed)
	if err != nil || string(flows.EncodeJSON(v)) != `[{"content":"id\n1\n","name":"b.csv","size":5}]` {
		t.Errorf("%v, %v", v, err)
	}
	again, err := encoded(t, env, "{zip: '${ . }', output: file, name: all.zip}", entries)
	if err != nil || again.(map[string]any)["sha256"] != packed.(map[string]any)["sha256"] {
		t.Errorf("equal archives have other bytes: %v", err)
	}
	const read = "{zip: '${ . }', decode: true, input: base64, output: text"
	if v, err := encoded(t, env, read+"}", zipOf(t, 0, "d/", "d/e")); err != nil || string(flows.EncodeJSON(v)) != `[{"content":"d/e","name":"d/e","size":3}]` {
		t.Errorf("directories: %v, %v", v, err)
	}
	for _, name := range []string{"../a", "/a", "a/../../b", `..\a`, "C:a", "a//b", "./a", "a\x00b", "a\nb"} {
		fails(t, env, read+"}", zipOf(t, 0, name), "the zip has a file whose name")
		fails(t, env, "{zip: '${ . }', output: base64}", []any{map[string]any{"name": name, "content": ""}}, "entry 1 of the zip: the name")
	}
	fails(t, env, read+"}", zipOf(t, 0, "a", "a"), "comes twice")
	if v, err := encoded(t, env, strings.Replace(read, "text", "base64", 1)+", match: '*.csv'}", zipOf(t, 0, "../a", "d\\M\x81ller.csv")); err != nil || v.([]any)[0].(map[string]any)["name"] != "d/Müller.csv" {
		t.Errorf("names of Windows: %v, %v", v, err)
	}
	var other bytes.Buffer
	w := zip.NewWriter(&other)
	if _, err := w.CreateRaw(&zip.FileHeader{Name: "a", Method: 12}); err != nil || w.Close() != nil {
		t.Fatal(err)
	}
	fails(t, env, read+"}", base64.StdEncoding.EncodeToString(other.Bytes()), "by the method 12, which is not supported")
	fails(t, env, read+", max_size: 1MB}", zipOf(t, 600_000, "a", "b"), "the files are larger than 1 MB together")
	fails(t, env, "{zip: '${ . }', decode: true, input: base64, output: file, max_size: 1MB}", zipOf(t, 600_000, "a", "b"), "the files are larger than 1 MB together")
	names := make([]string, 1001)
	for i := range names {
		names[i] = fmt.Sprint(i)
	}
	fails(t, env, read+"}", zipOf(t, 0, names...), "more than 1000 files")
	fails(t, env, read+"}", "AAAA", "the bytes are no zip")
	fails(t, env, "{zip: '${ . }', output: base64}", []any{map[string]any{"name": "a"}}, `"a" has no file, content or base64`)
}

// The files that a step has stored go with its failure; those of an attempt before a success, too.
func TestFilesOfAFailureAreDeleted(t *testing.T) {
	t.Parallel()
	backend := new(blob.Memory)
	store, err := blob.New(blob.Config{Backend: backend, MaxSize: 8 << 20})
	if err != nil {
		t.Fatal(err)
	}
	const step = "{zip: '${ . }', decode: true, input: base64, output: file, max_size: 1MB}"
	fails(t, flows.Env{Files: store}, step, zipOf(t, 600_000, "a", "b"), "larger than 1 MB together")
	left := func() (owners []string) {
		if err := backend.Owners(t.Context(), func(owner string, _ time.Time) error {
			owners = append(owners, owner)
			return nil
		}); err != nil {
			t.Fatal(err)
		}
		return owners
	}
	if owners := left(); len(owners) > 0 {
		t.Errorf("files of %v are left", owners)
	}
	if _, err := encoded(t, flows.Env{Files: store}, step, zipOf(t, 100, "a", "b")); err != nil || len(left()) != 1 {
		t.Errorf("%v; files of %v", err, left())
	}
}

func pgpKey(t *testing.T, name, passphrase string) (private, public string) {
	t.Helper()
	entity, err := openpgp.NewEntity(name, "", name+"@example.org", &packet.Config{Algorithm: packet.PubKeyAlgoEdDSA})
	if err != nil {
		t.Fatal(err)
	}
	if passphrase != "" {
		if err := entity.EncryptPrivateKeys([]byte(passphrase), nil); err != nil {
			t.Fatal(err)
		}
	}
	text := func(kind string, write func(w *bytes.Buffer) error) string {
		var raw, out bytes.Buffer
		if err := write(&raw); err != nil {
			t.Fatal(err)
		}
		w, err := armor.Encode(&out, kind, nil)
		if err == nil {
			_, err = w.Write(raw.Bytes())
		}
		if err != nil || w.Close() != nil {
			t.Fatal(err)
		}
		return out.String()
	}
	return text("PGP PRIVATE KEY BLOCK", func(w *bytes.Buffer) error { return entity.SerializePrivateWithoutSigning(w, nil) }),
		text("PGP PUBLIC KEY BLOCK", func(w *bytes.Buffer) error { return entity.Serialize(w) })
}

func TestPGP(t *testing.T) {
	t.Parallel()
	store, file := newFiles(t, blobtest.Content(1<<20))
	secrets := secretTexts{"word": "correct horse", "wrong": "wrong horse", "text": "this is no key"}
	secrets["bank"], secrets["bank_public"] = pgpKey(t, "bank", "correct horse")
	secrets["ours"], secrets["ours_public"] = pgpKey(t, "ours", "")
	secrets["other"], secrets["other_public"] = pgpKey(t, "other", "")
	env := flows.Env{Files: store, Secrets: secrets}
	sealed, err := encoded(t, env, "{pgp: '${ . }', secret: bank_public, sign_with: ours}", "hello")
	if err != nil || !strings.HasPrefix(sealed.(string), "-----BEGIN PGP MESSAGE") {
		t.Fatalf("%v, %v", sealed, err)
	}
	const read = "{pgp: '${ . }', decode: true, secret: bank, passphrase: word"
	for _, more := range []string{"}", ", verify_with: ours_public}"} {
		if opened, err := encoded(t, env, read+more, sealed); err != nil || opened != "hello" {
			t.Errorf("%s: %v, %v", more, opened, err)
		}
	}
	env.Secrets.(secretTexts)["both"] = secrets["other_public"] + "\n" + secrets["bank_public"]
	if toBoth, err := encoded(t, env, "{pgp: '${ . }', secret: both}", "hello"); err != nil {
		t.Error(err)
	} else if opened, err := encoded(t, env, read+"}", toBoth); err != nil || opened != "hello" {
		t.Errorf("a second armored key: %v, %v", opened, err)
	}
	for name, more := range map[string]string{"another message": sealed.(string), "a text": "x", "much": strings.Repeat("\n", 5000)} {
		if _, err := encoded(t, env, read+"}", sealed.(string)+"\n"+more); err == nil || !strings.Contains(err.Error(), "more bytes follow") {
			t.Errorf("%s behind the message: %v", name, err)
		}
	}
	if opened, err := encoded(t, env, read+"}", sealed.(string)+"\r\n\r\n"); err != nil || opened != "hello" {
		t.Errorf("line ends behind the message: %v, %v", opened, err)
	}
	fails(t, env, read+"}", "", "the bytes are no pgp, or were cut off")
	fails(t, env, read+"}", "-----BEGIN PGP SIGNATURE-----\n\niHUE\n-----END PGP SIGNATURE-----\n", "the text is a PGP SIGNATURE")
	fails(t, env, read+", verify_with: other_public}", sealed, "is not a valid one of the key in verify_with")
	fails(t, env, "{pgp: '${ . }', decode: true, secret: bank, passphrase: wrong}", sealed, "the passphrase is not that of the private key")
	fails(t, env, "{pgp: '${ . }', decode: true, secret: bank}", sealed, "has a passphrase")
	fails(t, env, "{pgp: '${ . }', decode: true, secret: other}", sealed, "the message is encrypted for another key")
	fails(t, env, "{pgp: '${ . }', decode: true, secret: bank_public}", sealed, "has a public key, where a private one is needed")
	fails(t, env, "{pgp: '${ . }', secret: text}", "hello", "is no OpenPGP key")
	fails(t, env, read+"}", "no message", "the bytes are no pgp")

	unsigned, err := encoded(t, env, "{pgp: '${ . }', secret: bank_public, output: base64}", "hello")
	if err != nil {
		t.Fatal(err)
	}
	fails(t, env, read+", input: base64, verify_with: ours_public}", unsigned, "the message is not signed")
	raw, _ := base64.StdEncoding.DecodeString(unsigned.(string))
	raw[len(raw)-30] ^= 1
	fails(t, env, read+", input: base64}", base64.StdEncoding.EncodeToString(raw), "or were cut off or changed")

	signed, err := encoded(t, env, "{pgp: '${ . }', sign_with: ours}", "hello")
	if err != nil {
		t.Fatal(err)
	}
	if opened, err := encoded(t, env, "{pgp: '${ . }', decode: true, verify_with: ours_public}", signed); err != nil || opened != "hello" {
		t.Errorf("signed: %v, %v", opened, err)
	}
	fails(t, env, "{pgp: '${ . }', decode: true, verify_with: other_public}", signed, "is not a valid one of the key in verify_with")
	fails(t, env, read+"}", signed, "the message is not encrypted")

	ofFile, err := encoded(t, env, "{pgp: '${ . }', secret: bank_public, sign_with: ours, input: file, output: file, name: a.pgp}", file)
	if err != nil {
		t.Fatal(err)
	}
	opened, err := encoded(t, env, read+", verify_with: ours_public, input: file, output: file}", ofFile)
	if err != nil || opened.(map[string]any)["sha256"] != file["sha256"] {
		t.Errorf("%v, %v", opened, err)
	}
	fails(t, env, read+", input: file, output: file, max_size: 1000B}", ofFile, "the file is larger than 1 KB")
}

// GnuPG reads what is written, and the other way round.
func TestPGPWithGnuPG(t *testing.T) {
	t.Parallel()
	gpg, err := exec.LookPath("gpg")
	if err != nil {
		t.Skip("GnuPG is not installed")
	}
	home := t.TempDir()
	run := func(in string, args ...string) string {
		t.Helper()
		c := exec.CommandContext(t.Context(), gpg, append([]string{"--homedir", home, "--batch", "--quiet", "--trust-model", "always", "--pinentry-mode", "loopback", "--passphrase", ""}, args...)...)
		c.Stdin = strings.NewReader(in)
		var stderr bytes.Buffer
		c.Stderr = &stderr
		out, err := c.Output()
		if err != nil {
			t.Fatalf("gpg %v: %v %s", args, err, stderr.String())
		}
		return string(out)
	}
	t.Cleanup(func() {
		_ = exec.Command("gpgconf", "--homedir", home, "--kill", "all").Run()
	})
	ours, oursPublic := pgpKey(t, "ours", "")
	run("", "--quick-generate-key", "bank@example.org", "default", "default", "never")
	run(oursPublic, "--import")
	env := flows.Env{Secrets: secretTexts{"ours": ours, "bank": run("", "--armor", "--export", "bank@example.org")}}
	sealed, err := encoded(t, env, "{pgp: '${ . }', secret: bank, sign_with: ours}", "hello")
	if err != nil {
		t.Fatal(err)
	}
	if got := run(sealed.(string), "--decrypt"); got != "hello" {
		t.Errorf("GnuPG reads %q", got)
	}
	back := run("and back", "--armor", "--encrypt", "--sign", "-r", "ours@example.org")
	if got, err := encoded(t, env, "{pgp: '${ . }', decode: true, secret: ours, verify_with: bank}", back); err != nil || got != "and back" {
		t.Errorf("%v, %v", got, err)
	}
}
