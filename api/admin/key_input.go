package admin

import (
	"slices"
	"time"

	"github.com/penstock/penstock/api/httpx"
	"github.com/penstock/penstock/auth"
	"github.com/penstock/penstock/internal/limits"
	"github.com/penstock/penstock/store"
)

const (
	minKeySecret = 8 // length in bytes of a secret chosen by the administrator
	maxKeySecret = 256

	// The overlap of a rotation, during which the previous secret is valid.
	defaultOverlap = 24 * time.Hour
	maxOverlap     = 30 * 24 * time.Hour
)

// keyView is an API key in responses to administrators. Listings do not contain its secrets.
type keyView struct {
	Name          string    `json:"name"`
	Key           string    `json:"key"`
	Secret        string    `json:"secret,omitempty"`
	Previous      string    `json:"previous_secret,omitempty"`
	PreviousUntil time.Time `json:"previous_secret_until,omitzero"`
	APIAccess     bool      `json:"api_access"`
	Flows         []int64   `json:"flows"`  // null: all
	Scopes        []string  `json:"scopes"` // of the installation's own making
	Window        int64     `json:"ts_window"`
	OnReplay      string    `json:"on_replay"`
	SignatureV1   bool      `json:"signature_v1"` // version 1 of Penstock-Signature is accepted
	Impersonate   []string  `json:"impersonate"`
	PublicKey     string    `json:"public_key,omitempty"`
	Rate          string    `json:"rate_limit,omitempty"`
	Refresh       bool      `json:"refresh_tokens"`

	Use *usageView `json:"secret_use,omitempty"` // nil: the key has one secret only, or the response is a listing
}

func viewKey(k *store.Key) keyView {
	return keyView{
		Name: k.Name, Key: k.Key, PreviousUntil: k.PreviousUntil, APIAccess: k.APIAccess, Flows: k.Flows,
		Window: int64(k.Window / time.Second), OnReplay: k.OnReplay, SignatureV1: !k.RefuseV1, Impersonate: append([]string{}, k.Impersonate...),
		PublicKey: k.PublicKey, Rate: k.Rate, Refresh: k.RefreshTokens, Scopes: append([]string{}, k.Scopes...),
	}
}

// viewSecret returns the view with the secrets.
func viewSecret(k *store.Key) keyView {
	v := viewKey(k)
	v.Secret, v.Previous = k.Secrets(time.Now())
	return v
}

// keyInput is the settable part of a key.
type keyInput struct {
	Key         string                       `json:"key"`
	Name        httpx.Optional[string]       `json:"name"`
	Secret      httpx.Optional[string]       `json:"secret"`
	Previous    httpx.Optional[string]       `json:"previous_secret"` // null or empty: the overlap of a rotation ends now
	APIAccess   httpx.Optional[bool]         `json:"api_access"`
	Flows       httpx.Optional[[]int64]      `json:"flows"`
	Scopes      httpx.Optional[[]auth.Scope] `json:"scopes"`
	Window      httpx.Optional[int64]        `json:"ts_window"` // seconds
	OnReplay    httpx.Optional[string]       `json:"on_replay"`
	SignatureV1 httpx.Optional[bool]         `json:"signature_v1"`
	Impersonate httpx.Optional[[]string]     `json:"impersonate"`
	PublicKey   httpx.Optional[string]       `json:"public_key"`
	Rate        httpx.Optional[string]       `json:"rate_limit"`
	Refresh     httpx.Optional[bool]         `json:"refresh_tokens"`
}

// apply changes a key as asked.
func (in *keyInput) apply(a *api, k *store.Key) error {
	in.Name.Into(&k.Name)
	in.APIAccess.Into(&k.APIAccess)
	in.Flows.Into(&k.Flows)
	in.OnReplay.Into(&k.OnReplay)
	if in.Scopes.Set {
		if err := a.checkOwn(in.Scopes.Value, k.Scopes); err != nil {
			return err
		}
		k.Scopes = auth.Strings(in.Scopes.Value)
	}
	if in.SignatureV1.Set {
		k.RefuseV1 = !in.SignatureV1.Value
	}
	in.Impersonate.Into(&k.Impersonate)
	in.PublicKey.Into(&k.PublicKey)
	in.Rate.Into(&k.Rate)
	in.Refresh.Into(&k.RefreshTokens)
	if in.Window.Set {
		if in.Window.Value < 1 || in.Window.Value > 86400 {
			return &store.InvalidError{Member: "ts_window", Reason: "must be between 1 and 86400 seconds"}
		}
		k.Window = time.Duration(in.Window.Value) * time.Second
	}
	if in.Secret.Set {
		if len(in.Secret.Value) < minKeySecret || len(in.Secret.Value) > maxKeySecret {
			return &store.InvalidError{Member: "secret", Reason: "must have 8 to 256 bytes"}
		}
		k.Secret, k.Previous, k.PreviousUntil = in.Secret.Value, "", time.Time{}
	}
	switch {
	case in.Previous.Set && in.Previous.Value == "":
		k.Previous, k.PreviousUntil = "", time.Time{}
	case in.Previous.Set && in.Previous.Value != k.Previous:
		return &store.InvalidError{Member: "previous_secret", Reason: "may only be null, which ends the overlap of a rotation now"}
	}
	if k.PublicKey != "" {
		if _, _, err := auth.ParsePublicKey(k.PublicKey); err != nil {
			return &store.InvalidError{Member: "public_key", Reason: "is refused: " + err.Error()}
		}
	}
	if k.Rate != "" {
		if _, err := limits.ParseRate(k.Rate); err != nil {
			return &store.InvalidError{Member: "rate_limit", Reason: "is refused: " + err.Error()}
		}
	}
	if slices.ContainsFunc(k.Flows, func(n int64) bool { return n < 1 }) {
		return &store.InvalidError{Member: "flows", Reason: "must be flow numbers, or null for all"}
	}
	return nil
}
