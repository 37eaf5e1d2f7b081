package api

import (
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/gin-gonic/gin"

	"penstock/api/auth"
	"penstock/api/listing"
	"penstock/internal/limits"
	"penstock/internal/store"
)

const (
	minKeySecret = 8 // bytes of a secret that is not generated
	maxKeySecret = 256

	// The overlap of a rotation, during which the previous secret counts.
	defaultOverlap = 24 * time.Hour
	maxOverlap     = 30 * 24 * time.Hour
)

// keyView is an API key as administrators see it. Its secrets are in the
// answers about one key, not in listings.
type keyView struct {
	Name          string    `json:"name"`
	Key           string    `json:"key"`
	Secret        string    `json:"secret,omitempty"`
	Previous      string    `json:"previous_secret,omitempty"`
	PreviousUntil time.Time `json:"previous_secret_until,omitzero"`
	APIAccess     bool      `json:"api_access"`
	Flows         []int64   `json:"flows"` // null: all
	Window        int64     `json:"ts_window"`
	OnReplay      string    `json:"on_replay"`
	Impersonate   []string  `json:"impersonate"`
	PublicKey     string    `json:"public_key,omitempty"`
	Rate          string    `json:"rate_limit,omitempty"`
}

func viewKey(k *store.Key) keyView {
	return keyView{
		Name: k.Name, Key: k.Key, PreviousUntil: k.PreviousUntil, APIAccess: k.APIAccess, Flows: k.Flows,
		Window: int64(k.Window / time.Second), OnReplay: k.OnReplay, Impersonate: append([]string{}, k.Impersonate...),
		PublicKey: k.PublicKey, Rate: k.Rate,
	}
}

// viewSecret is the view with what is secret.
func viewSecret(k *store.Key) keyView {
	v := viewKey(k)
	v.Secret, v.Previous = k.Secrets(time.Now())
	return v
}

// keyInput is what may be set of a key.
type keyInput struct {
	Key         string          `json:"key"`
	Name        given[string]   `json:"name"`
	Secret      given[string]   `json:"secret"`
	APIAccess   given[bool]     `json:"api_access"`
	Flows       given[[]int64]  `json:"flows"`
	Window      given[int64]    `json:"ts_window"` // seconds
	OnReplay    given[string]   `json:"on_replay"`
	Impersonate given[[]string] `json:"impersonate"`
	PublicKey   given[string]   `json:"public_key"`
	Rate        given[string]   `json:"rate_limit"`
}

// apply changes a key as asked.
func (in *keyInput) apply(k *store.Key) error {
	in.Name.into(&k.Name)
	in.APIAccess.into(&k.APIAccess)
	in.Flows.into(&k.Flows)
	in.OnReplay.into(&k.OnReplay)
	in.Impersonate.into(&k.Impersonate)
	in.PublicKey.into(&k.PublicKey)
	in.Rate.into(&k.Rate)
	if in.Window.set {
		if in.Window.value < 1 || in.Window.value > 86400 {
			return &store.InvalidError{Member: "ts_window", Reason: "must be between 1 and 86400 seconds"}
		}
		k.Window = time.Duration(in.Window.value) * time.Second
	}
	if in.Secret.set {
		if len(in.Secret.value) < minKeySecret || len(in.Secret.value) > maxKeySecret {
			return &store.InvalidError{Member: "secret", Reason: "must have 8 to 256 bytes"}
		}
		k.Secret, k.Previous, k.PreviousUntil = in.Secret.value, "", time.Time{}
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

// keyGrants are the scopes that whoever handles the key must hold: its secret
// gives them.
func keyGrants(c *gin.Context) error {
	return mayGrant(c, []auth.Scope{auth.ScopeRun, auth.ScopeReadRuns})
}

func (a *API) createKey(c *gin.Context) {
	var in keyInput
	k := store.Key{APIAccess: true}
	err := a.readJSON(c, &in)
	if err == nil {
		err = keyGrants(c)
	}
	if err == nil {
		k.Key = in.Key
		err = in.apply(&k)
	}
	if err != nil {
		a.fail(c, err)
		return
	}
	made, err := a.config.Store.Keys().Create(c.Request.Context(), k)
	if err != nil {
		a.fail(c, err)
		return
	}
	of(c).object = made.Key
	created(c, pathOf("keys", made.Key), viewSecret(made))
}

func (a *API) changeKey(c *gin.Context) {
	var in keyInput
	err := a.readJSON(c, &in)
	if err == nil && in.Key != "" && in.Key != c.Param("key") {
		err = &store.InvalidError{Member: "key", Reason: "cannot change"}
	}
	if err == nil {
		err = keyGrants(c)
	}
	if err != nil {
		a.fail(c, err)
		return
	}
	k, err := a.config.Store.Keys().Change(c.Request.Context(), c.Param("key"), in.apply)
	if err != nil {
		a.fail(c, err)
		return
	}
	writeJSON(c, http.StatusOK, viewKey(k))
}

func (a *API) readKey(c *gin.Context) {
	k, err := a.config.Store.Keys().Key(c.Request.Context(), c.Param("key"))
	if err != nil {
		a.fail(c, err)
		return
	}
	if keyGrants(c) != nil {
		writeJSON(c, http.StatusOK, viewKey(k))
		return
	}
	writeJSON(c, http.StatusOK, viewSecret(k))
}

func (a *API) deleteKey(c *gin.Context) {
	if err := a.config.Store.Keys().Delete(c.Request.Context(), c.Param("key")); err != nil {
		a.fail(c, err)
		return
	}
	noContent(c)
}

// rotateKey answers POST /v1/keys/{key}/rotate: a new secret, and how long the
// one before still counts.
func (a *API) rotateKey(c *gin.Context) {
	var in struct {
		Overlap given[int64] `json:"overlap_seconds"`
	}
	err := a.readJSON(c, &in)
	overlap := defaultOverlap
	if in.Overlap.set {
		overlap = time.Duration(in.Overlap.value) * time.Second
		if in.Overlap.value < 0 || in.Overlap.value > int64(maxOverlap/time.Second) {
			err = &store.InvalidError{Member: "overlap_seconds", Reason: "must be between 0 and " + strconv.Itoa(int(maxOverlap/time.Second))}
		}
	}
	if err == nil {
		err = keyGrants(c)
	}
	if err != nil {
		a.fail(c, err)
		return
	}
	k, err := a.config.Store.Keys().Rotate(c.Request.Context(), c.Param("key"), overlap)
	if err != nil {
		a.fail(c, err)
		return
	}
	writeJSON(c, http.StatusOK, viewSecret(k))
}

func (a *API) listKeys(c *gin.Context) {
	views, err := viewAll(c.Request.Context(), a.config.Store.Keys().List, viewKey)
	if err != nil {
		a.fail(c, err)
		return
	}
	list(a, c, listing.Schema[keyView]{Order: "key", Fields: []listing.Field[keyView]{
		listing.Text("key", func(k *keyView) string { return k.Key }),
		listing.Text("name", func(k *keyView) string { return k.Name }),
		listing.Bool("api_access", func(k *keyView) bool { return k.APIAccess }),
		listing.Text("on_replay", func(k *keyView) string { return k.OnReplay }),
		listing.Number("ts_window", func(k *keyView) int64 { return k.Window }),
		listing.List("impersonate", func(k *keyView) []string { return k.Impersonate }),
	}}, views)
}
