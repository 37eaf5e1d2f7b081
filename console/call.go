package console

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"strconv"

	"github.com/penstock/penstock/auth"
	"github.com/penstock/penstock/console/samples"
	"github.com/penstock/penstock/console/view"
	"github.com/penstock/penstock/store"
)

// callPage shows the exact request for each way in.
func callPage(x *exchange) error {
	t, err := x.trial()
	if err != nil {
		return err
	}
	c, err := x.calls(t, x.r.URL.Query().Get("key"), t.Event)
	if err != nil {
		return err
	}
	return x.show(200, view.CallPage(x.page("flows", t.Name), c))
}

// callSamples makes the requests anew, of another key or event, signed now.
func callSamples(x *exchange) error {
	t, err := x.trial()
	if err != nil {
		return err
	}
	c, err := x.calls(t, x.r.PostFormValue("key"), x.r.PostFormValue("event"))
	if err != nil {
		return err
	}
	if x.fragment() {
		return x.show(200, view.CallSamples(c))
	}
	return x.show(200, view.CallPage(x.page("flows", t.Name), c))
}

// calls makes all requests for a flow. Who may not run flows sees them with
// a key to be filled in.
func (x *exchange) calls(t view.Trial, chosen, event string) (view.Calls, error) {
	c := view.Calls{Trial: t, Chosen: chosen}
	c.Event = event
	var body bytes.Buffer
	if t.TakesData && event != "" {
		if err := json.Compact(&body, []byte(event)); err != nil {
			return c, &fault{http.StatusBadRequest, "The event is not JSON", err.Error()}
		}
	}
	request := samples.Request{Base: x.console.base(x.r), Flow: t.Number, Key: "YOUR_KEY", Body: body.String()}
	if x.may(auth.ScopeRun) {
		key, err := x.choose(&c)
		if err != nil {
			return c, err
		}
		if key != nil {
			request.Key = key.Key
			if c.Signed, err = x.sign(request, key); err != nil {
				return c, err
			}
		}
	}
	c.Samples = samples.All(request)
	return c, nil
}

// choose finds the key to sign with, the first that may run the flow if none
// was named; nil: there is none.
func (x *exchange) choose(c *view.Calls) (*store.Key, error) {
	keys, err := x.console.config.Store.Keys().List(x.ctx())
	if err != nil {
		return nil, err
	}
	var found *store.Key
	for _, k := range keys {
		if !k.APIAccess || !k.Allows(c.Number) {
			continue
		}
		c.Keys = append(c.Keys, view.KeyName{Key: k.Key, Name: cmp.Or(k.Name, k.Key)})
		if found == nil || k.Key == c.Chosen {
			found = k
		}
	}
	if found == nil {
		return nil, nil
	}
	c.Chosen = found.Key
	return found, nil
}

// sign makes the SmartSYNC URL of this moment.
func (x *exchange) sign(r samples.Request, key *store.Key) (string, error) {
	now := x.console.config.Now()
	raw := "flow=" + strconv.FormatInt(r.Flow, 10) + "&key=" + url.QueryEscape(r.Key) + "&ts=" + strconv.FormatInt(now.Unix(), 10)
	q, err := auth.ParseQuery(raw)
	if err != nil {
		return "", errors.Join(errors.New("sign request"), err)
	}
	secret, _ := key.Secrets(now)
	check := auth.CheckValue(q, auth.Canonical([]byte(r.Body)), secret)
	return r.Base + "/apis/execute.php?" + raw + "&check=" + check, nil
}
