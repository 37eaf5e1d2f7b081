package console

import (
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/penstock/penstock/auth"
	"github.com/penstock/penstock/console/language"
	"github.com/penstock/penstock/console/view"
	"github.com/penstock/penstock/internal/lastuse"
	"github.com/penstock/penstock/internal/limits"
	"github.com/penstock/penstock/store"
)

// overlapLimit is the maximum time for which both secrets of a key are valid.
const overlapLimit = 30 * 24 * time.Hour

// keysPage lists the API keys.
func keysPage(req *requestState) error {
	keys, err := req.console.config.Store.Keys().List(req.ctx())
	if err != nil {
		return err
	}
	uses, err := lastUses(req, lastuse.Key, keys, func(k *store.Key) string { return k.Key })
	if err != nil {
		return err
	}
	return req.render(200, view.KeysPage(req.page("access", language.T(req.ctx(), "API keys")), keys, req.scopeChoices(nil), uses))
}

// keyPage shows one key, without its secrets.
func keyPage(req *requestState) error {
	sheet, err := req.keySheet()
	if err != nil {
		return err
	}
	return req.render(200, view.KeyPage(req.page("access", language.T(req.ctx(), "API key")), sheet))
}

// showSecret answers the form which asks for a secret of a key: "secret" or "old secret". The audit log says who asked.
func showSecret(req *requestState) error {
	sheet, err := req.keySheet()
	if err != nil {
		return err
	}
	current, previous := sheet.Secrets(req.console.config.Now())
	which := req.r.PostFormValue("which")
	value := map[string]string{"secret": current, "old secret": previous}[which]
	if value == "" {
		return errNotFound
	}
	sheet.Shown = view.ShownSecret{Label: which, Value: value}
	req.audit("POST "+Root+"/access/keys/{key}/secret", sheet.Key.Key)
	page := req.page("access", language.T(req.ctx(), "API key"))
	if req.fragment() {
		return req.render(200, view.KeySecret(page, sheet))
	}
	return req.render(200, view.KeyPage(page, sheet))
}

func (req *requestState) keySheet() (view.KeySheet, error) {
	key, err := req.console.config.Store.Keys().Key(req.ctx(), req.r.PathValue("key"))
	if err != nil {
		return view.KeySheet{}, err
	}
	sheet := view.KeySheet{Key: key, Scopes: req.scopeChoices(key.Scopes)}
	if _, previous := key.Secrets(req.console.config.Now()); previous != "" {
		if sheet.Use, err = req.console.config.KeyUsage.Use(req.ctx(), key); err != nil {
			return view.KeySheet{}, err
		}
	}
	return sheet, nil
}

func createKey(req *requestState) error {
	key := store.Key{Key: strings.TrimSpace(req.r.PostFormValue("key")), APIAccess: true}
	if err := req.readKey(&key); err != nil {
		return err
	}
	made, err := req.console.config.Store.Keys().Create(req.ctx(), key)
	if err != nil {
		return err
	}
	req.audit("POST "+Root+"/access/keys", made.Key)
	req.setNotice(language.T(req.ctx(), "The key was created."))
	return req.redirect(view.KeyPath(made))
}

func changeKey(req *requestState) error {
	return req.editKey("was saved", "POST "+Root+"/access/keys/{key}", func(k *store.Key) error {
		if err := req.checkSeen(view.SeenKey(k)); err != nil {
			return err
		}
		return req.readKey(k)
	})
}

// switchKey enables or disables the API access of a key.
func switchKey(req *requestState) error {
	on := req.r.PostFormValue("on") == "true"
	key, err := req.console.config.Store.Keys().Change(req.ctx(), req.r.PathValue("key"), func(k *store.Key) error {
		k.APIAccess = on
		return nil
	})
	if err != nil {
		return err
	}
	req.audit("POST "+Root+"/access/keys/{key}/access", key.Key)
	if req.fragment() {
		return req.render(200, view.KeySwitch(req.page("access", ""), key))
	}
	return req.redirect(view.KeyPath(key))
}

// rotateKey gives a key a new secret. The previous one stays valid for the overlap of the form.
func rotateKey(req *requestState) error {
	hours, err := strconv.Atoi(req.r.PostFormValue("overlap_hours"))
	overlap := time.Duration(hours) * time.Hour
	if err != nil || overlap < 0 || overlap > overlapLimit {
		return &fault{http.StatusBadRequest, language.Key("This cannot be saved"), language.Key("The overlap is from 0 to 720 hours.")}
	}
	key, err := req.console.config.Store.Keys().Rotate(req.ctx(), req.r.PathValue("key"), overlap)
	if err != nil {
		return err
	}
	req.audit("POST "+Root+"/access/keys/{key}/rotate", key.Key)
	req.setNotice(language.T(req.ctx(), "The key has a new secret."))
	return req.redirect(view.KeyPath(key))
}

// endOverlap invalidates the previous secret of a key.
func endOverlap(req *requestState) error {
	key := req.r.PathValue("key")
	q := view.Question{Title: language.T(req.ctx(), "End the old secret of %s now?", key), Texts: []string{language.T(req.ctx(), "Calls that still use it are then rejected. This cannot be undone.")},
		Fields: [][2]string{{"seen", req.r.PostFormValue("seen")}}, Action: Root + "/access/keys/" + key + "/settle", Button: language.T(req.ctx(), "End the old secret"), Back: Root + "/access/keys/" + key}
	if sure, err := req.sure(q); !sure {
		return err
	}
	return req.editKey("has one secret now: the old one is no longer valid", "POST "+Root+"/access/keys/{key}/settle", func(k *store.Key) error {
		k.Previous, k.PreviousUntil = "", time.Time{}
		return nil
	})
}

func deleteKey(req *requestState) error {
	key := req.r.PathValue("key")
	if err := req.console.config.Store.Keys().Delete(req.ctx(), key); err != nil {
		return err
	}
	req.forgetUse(lastuse.Key, key)
	req.audit("POST "+Root+"/access/keys/{key}/delete", key)
	req.setNotice(language.T(req.ctx(), "The key was deleted."))
	return req.redirect(Root + "/access/keys")
}

func (req *requestState) editKey(done, act string, edit func(*store.Key) error) error {
	key, err := req.console.config.Store.Keys().Change(req.ctx(), req.r.PathValue("key"), edit)
	if err != nil {
		return err
	}
	req.audit(act, key.Key)
	req.setNotice(language.T(req.ctx(), "The key %s.", done))
	return req.redirect(view.KeyPath(key))
}

// readKey copies the values of the form to a key.
func (req *requestState) readKey(k *store.Key) (err error) {
	form := func(name string) string { return strings.TrimSpace(req.r.PostFormValue(name)) }
	k.Name, k.OnReplay, k.Rate, k.PublicKey = form("name"), form("on_replay"), form("rate"), form("public_key")
	k.RefuseV1 = form("signature_v1") == "refuse"
	if k.Flows, err = readFlows(form("flows")); err != nil {
		return err
	}
	if k.Scopes, err = req.ownScopes(k.Scopes); err != nil {
		return err
	}
	k.Impersonate = words(form("impersonate"))
	k.Window = 0
	if seconds := form("ts_window"); seconds != "" {
		n, err := strconv.Atoi(seconds)
		if err != nil {
			return &store.InvalidError{Member: "ts_window", Reason: "is a number of seconds"}
		}
		k.Window = time.Duration(n) * time.Second
	}
	if k.PublicKey != "" {
		if _, _, err := auth.ParsePublicKey(k.PublicKey); err != nil {
			return &store.InvalidError{Member: "public_key", Reason: "is refused: " + err.Error()}
		}
	}
	if k.Rate != "" {
		if _, err := limits.ParseRate(k.Rate); err != nil {
			return &store.InvalidError{Member: "rate", Reason: "is refused: " + err.Error()}
		}
	}
	return nil
}

// readFlows parses flow numbers. An empty text or "all" means all flows (nil), "none" means no flow (an empty slice).
func readFlows(text string) ([]int64, error) {
	flows := []int64{}
	for _, word := range words(text) {
		n, err := strconv.ParseInt(word, 10, 64)
		switch {
		case word == "all":
			return nil, nil
		case word == "none":
			return []int64{}, nil
		case err != nil || n < 1:
			return nil, &store.InvalidError{Member: "flows", Reason: "are numbers with commas between them, all, or none"}
		}
		flows = append(flows, n)
	}
	if len(flows) == 0 {
		return nil, nil
	}
	slices.Sort(flows)
	return slices.Compact(flows), nil
}

// words splits a text at commas and white space.
func words(text string) []string {
	return strings.FieldsFunc(text, func(r rune) bool { return r == ',' || r == ' ' || r == '\n' || r == '\r' || r == '\t' })
}
