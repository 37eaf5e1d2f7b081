package oidc

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"github.com/go-jose/go-jose/v4"
	"golang.org/x/sync/singleflight"
)

const (
	// keysFor is how long the keys of an issuer count before they are read again.
	keysFor = time.Hour
	// keysEvery is how often keys are read again for one that is not known: a caller cannot make this process ask without end.
	keysEvery = time.Minute
)

// algorithms sign tokens of issuers; never none, and never a shared secret, which a public key could be taken for. Read only.
var algorithms = []jose.SignatureAlgorithm{jose.RS256, jose.ES256, jose.EdDSA}

// Issuer verifies tokens of programs that an OpenID Connect provider issues, such as that of a CI. It is contacted when a token comes. Safe for
// concurrent use.
type Issuer struct {
	url    string
	client *http.Client
	now    func() time.Time
	flight singleflight.Group

	mu    sync.Mutex // guards all below
	keys  []jose.JSONWebKey
	asked time.Time // when the keys were last asked for, with or without success
	read  time.Time // when they were read
}

// NewIssuer returns an Issuer with the URL that its tokens have as iss. now may be nil.
func NewIssuer(url string, now func() time.Time) *Issuer {
	if now == nil {
		now = time.Now
	}
	return &Issuer{url: url, now: now, client: newClient()}
}

// newClient follows no redirect, and bounds the time and size of a response.
func newClient() *http.Client {
	return &http.Client{
		Timeout: callLimit, Transport: bounded{http.DefaultTransport.(*http.Transport).Clone()},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// Claims returns the claims of a token that the issuer has signed, and that has not expired. The audience is for the caller to check. Errors:
// *RefusedError, *AwayError.
func (i *Issuer) Claims(ctx context.Context, token string) (map[string]any, error) {
	keys := &keysOf{issuer: i}
	verifier := oidc.NewVerifier(i.url, keys, &oidc.Config{SkipClientIDCheck: true, Now: i.now, SupportedSigningAlgs: names(algorithms)})
	verified, err := verifier.Verify(ctx, token)
	switch {
	case keys.away != nil:
		return nil, keys.away
	case err != nil:
		return nil, &RefusedError{ReasonToken, clip(err.Error())}
	}
	claims := map[string]any{}
	if err := verified.Claims(&claims); err != nil {
		return nil, &RefusedError{ReasonToken, "the token has no claims"}
	}
	return claims, nil
}

func names(all []jose.SignatureAlgorithm) (names []string) {
	for _, one := range all {
		names = append(names, string(one))
	}
	return names
}

// keysOf verifies one token, and keeps why that could not be done, of which the library keeps the text alone.
type keysOf struct {
	issuer *Issuer
	away   *AwayError
}

// VerifySignature implements oidc.KeySet.
func (k *keysOf) VerifySignature(ctx context.Context, token string) ([]byte, error) {
	payload, err := k.issuer.payload(ctx, token)
	errors.As(err, &k.away)
	return payload, err
}

// payload returns what a key of the issuer has signed. The token names a key by its kid; keys, addresses and certificates in its header do not count.
func (i *Issuer) payload(ctx context.Context, token string) ([]byte, error) {
	signed, err := jose.ParseSignedCompact(token, algorithms)
	if err != nil || len(signed.Signatures) != 1 {
		return nil, errors.New("the token is not signed once, with RS256, ES256 or EdDSA")
	}
	header := signed.Signatures[0].Protected
	for range 2 {
		keys, fresh, err := i.known(ctx, header.KeyID)
		if err != nil {
			return nil, err
		}
		for _, key := range keys {
			if payload, err := signed.Verify(key.Key); err == nil {
				return payload, nil
			}
		}
		if fresh {
			break
		}
	}
	return nil, errors.New("no key of the issuer has signed the token")
}

// fits reports whether a key may verify what a token with a kid signed: a public one, for signatures.
func fits(key *jose.JSONWebKey, kid string) bool {
	return key.Valid() && key.IsPublic() && (key.Use == "" || key.Use == "sig") && (kid == "" || key.KeyID == kid) &&
		(key.Algorithm == "" || slices.Contains(names(algorithms), key.Algorithm))
}

// known returns the keys with a kid; empty: all. They are read again when there is none, at most once in keysEvery. fresh: reading them again now
// would not help.
func (i *Issuer) known(ctx context.Context, kid string) (found []jose.JSONWebKey, fresh bool, err error) {
	i.mu.Lock()
	now := i.now()
	for _, key := range i.keys {
		if fits(&key, kid) {
			found = append(found, key)
		}
	}
	due := now.Sub(i.asked) >= keysEvery
	old := i.read.IsZero() || now.Sub(i.read) >= keysFor
	never := i.read.IsZero()
	i.mu.Unlock()
	if len(found) > 0 && !old || !due && !never {
		return found, true, nil
	}
	if !due {
		return nil, true, &AwayError{"keys", errors.New("they could not be read a moment ago")}
	}
	_, err, _ = i.flight.Do("", func() (any, error) { return nil, i.refresh(context.WithoutCancel(ctx)) })
	if err != nil && len(found) > 0 { // what is known counts while the issuer is away
		return found, true, nil
	}
	return nil, false, err
}

// refresh reads the keys.
func (i *Issuer) refresh(ctx context.Context) error {
	i.mu.Lock()
	if i.now().Sub(i.asked) < keysEvery { // by another caller, in between
		i.mu.Unlock()
		return nil
	}
	i.asked = i.now()
	i.mu.Unlock()
	provider, err := oidc.NewProvider(oidc.ClientContext(ctx, i.client), i.url)
	if err != nil {
		return &AwayError{"discovery", withoutBody(err)}
	}
	var more struct {
		JWKS string `json:"jwks_uri"`
	}
	if err := provider.Claims(&more); err != nil {
		return &AwayError{"discovery", errors.New("the document is no JSON object")}
	}
	if strings.HasPrefix(i.url, "https://") && !strings.HasPrefix(more.JWKS, "https://") {
		return &AwayError{"discovery", fmt.Errorf("the issuer is https://, and its jwks_uri is not: %s", clip(more.JWKS))}
	}
	set, err := i.fetch(ctx, more.JWKS)
	if err != nil {
		return &AwayError{"keys", err}
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	i.keys, i.read = set.Keys, i.now()
	return nil
}

func (i *Issuer) fetch(ctx context.Context, at string) (set jose.JSONWebKeySet, err error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, at, nil)
	if err != nil {
		return set, withoutBody(err)
	}
	response, err := i.client.Do(request)
	if err != nil {
		return set, withoutBody(err)
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return set, errors.New("they answered " + response.Status)
	}
	text, err := io.ReadAll(response.Body)
	if err != nil {
		return set, withoutBody(err)
	}
	if json.Unmarshal(text, &set) != nil {
		return set, errors.New("they are no JSON Web Key Set")
	}
	return set, nil
}
