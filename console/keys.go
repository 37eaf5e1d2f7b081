package console

import (
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/penstock/penstock/auth"
	"github.com/penstock/penstock/console/view"
	"github.com/penstock/penstock/internal/limits"
	"github.com/penstock/penstock/store"
)

// overlapLimit is the longest time for which two secrets of a key count.
const overlapLimit = 30 * 24 * time.Hour

// keysPage lists the API keys.
func keysPage(x *exchange) error {
	keys, err := x.console.config.Store.Keys().List(x.ctx())
	if err != nil {
		return err
	}
	return x.show(200, view.KeysPage(x.page("access", "API keys"), keys))
}

// keyPage shows one key, its secret behind a click.
func keyPage(x *exchange) error {
	key, err := x.console.config.Store.Keys().Key(x.ctx(), x.r.PathValue("key"))
	if err != nil {
		return err
	}
	sheet := view.KeySheet{Key: key}
	if x.console.config.Now().Before(key.PreviousUntil) {
		if sheet.Use, err = x.console.config.KeyUsage.Use(x.ctx(), key); err != nil {
			return err
		}
	}
	return x.show(200, view.KeyPage(x.page("access", "API key"), sheet))
}

func createKey(x *exchange) error {
	key := store.Key{Key: strings.TrimSpace(x.r.PostFormValue("key")), APIAccess: true}
	if err := x.readKey(&key); err != nil {
		return err
	}
	made, err := x.console.config.Store.Keys().Create(x.ctx(), key)
	if err != nil {
		return err
	}
	x.audit("POST "+Root+"/access/keys", made.Key)
	x.leaveNotice("The key was made. Its secret is below, whenever you need it.")
	return x.redirect(view.KeyPath(made))
}

func changeKey(x *exchange) error {
	return x.editKey("was saved", "POST "+Root+"/access/keys/{key}", x.readKey)
}

// switchKey switches the API access of a key.
func switchKey(x *exchange) error {
	on := x.r.PostFormValue("on") == "true"
	key, err := x.console.config.Store.Keys().Change(x.ctx(), x.r.PathValue("key"), func(k *store.Key) error {
		k.APIAccess = on
		return nil
	})
	if err != nil {
		return err
	}
	x.audit("POST "+Root+"/access/keys/{key}/access", key.Key)
	if x.fragment() {
		return x.show(200, view.KeySwitch(x.page("access", ""), key))
	}
	return x.redirect(view.KeyPath(key))
}

// rotateKey gives a key a new secret; the one before counts for a while.
func rotateKey(x *exchange) error {
	hours, err := strconv.Atoi(x.r.PostFormValue("overlap_hours"))
	overlap := time.Duration(hours) * time.Hour
	if err != nil || overlap < 0 || overlap > overlapLimit {
		return &fault{http.StatusBadRequest, "This cannot be saved", "The overlap is from 0 to 720 hours."}
	}
	key, err := x.console.config.Store.Keys().Rotate(x.ctx(), x.r.PathValue("key"), overlap)
	if err != nil {
		return err
	}
	x.audit("POST "+Root+"/access/keys/{key}/rotate", key.Key)
	x.leaveNotice("The key has a new secret.")
	return x.redirect(view.KeyPath(key))
}

// endOverlap lets the secret before count no more.
func endOverlap(x *exchange) error {
	return x.editKey("has one secret now: the old one counts no more", "POST "+Root+"/access/keys/{key}/settle", func(k *store.Key) error {
		k.Previous, k.PreviousUntil = "", time.Time{}
		return nil
	})
}

func deleteKey(x *exchange) error {
	key := x.r.PathValue("key")
	if err := x.console.config.Store.Keys().Delete(x.ctx(), key); err != nil {
		return err
	}
	x.audit("POST "+Root+"/access/keys/{key}/delete", key)
	x.leaveNotice("The key was deleted.")
	return x.redirect(Root + "/access/keys")
}

func (x *exchange) editKey(done, act string, edit func(*store.Key) error) error {
	key, err := x.console.config.Store.Keys().Change(x.ctx(), x.r.PathValue("key"), edit)
	if err != nil {
		return err
	}
	x.audit(act, key.Key)
	x.leaveNotice("The key " + done + ".")
	return x.redirect(view.KeyPath(key))
}

// readKey fills a key with what the form says.
func (x *exchange) readKey(k *store.Key) (err error) {
	form := func(name string) string { return strings.TrimSpace(x.r.PostFormValue(name)) }
	k.Name, k.OnReplay, k.Rate, k.PublicKey = form("name"), form("on_replay"), form("rate"), form("public_key")
	k.RefuseV1 = form("signature_v1") == "refuse"
	if k.Flows, err = readFlows(form("flows")); err != nil {
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

// readFlows reads numbers; nothing, or "all", is all flows, "none" is none.
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

// words parts a text at commas and white space.
func words(text string) []string {
	return strings.FieldsFunc(text, func(r rune) bool { return r == ',' || r == ' ' || r == '\n' || r == '\r' || r == '\t' })
}
