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

// callPage shows example requests for each API that can run the flow.
func callPage(req *requestState) error {
	t, err := req.tryForm()
	if err != nil {
		return err
	}
	c, err := req.callExamples(t, req.r.URL.Query().Get("key"), t.Event)
	if err != nil {
		return err
	}
	return req.render(200, view.CallPage(req.page("flows", t.Name), c))
}

// callSamples shows the example requests for another key or event, with a new timestamp.
func callSamples(req *requestState) error {
	t, err := req.tryForm()
	if err != nil {
		return err
	}
	c, err := req.callExamples(t, req.r.PostFormValue("key"), req.r.PostFormValue("event"))
	if err != nil {
		return err
	}
	if req.fragment() {
		return req.render(200, view.CallSamples(c))
	}
	return req.render(200, view.CallPage(req.page("flows", t.Name), c))
}

// callExamples builds the example requests for a flow. A user who may not run flows gets them with a placeholder
// instead of a key.
func (req *requestState) callExamples(t view.TryForm, chosen, event string) (view.CallExamples, error) {
	c := view.CallExamples{TryForm: t, Chosen: chosen}
	c.Event = event
	var body bytes.Buffer
	if t.TakesData && event != "" {
		if err := json.Compact(&body, []byte(event)); err != nil {
			return c, &fault{http.StatusBadRequest, "The event is not JSON", err.Error()}
		}
	}
	request := samples.Request{Base: req.console.base(req.r), Flow: t.Number, Key: "YOUR_KEY", Body: body.String()}
	if req.may(auth.ScopeRun) {
		key, err := req.signingKey(&c)
		if err != nil {
			return c, err
		}
		if key != nil {
			request.Key = key.Key
			if c.Signed, err = req.signedURL(request, key); err != nil {
				return c, err
			}
		}
	}
	c.Samples = samples.All(request)
	return c, nil
}

// signingKey returns the chosen key, or the first one that may run the flow; nil when there is none. It also lists all
// such keys in c.
func (req *requestState) signingKey(c *view.CallExamples) (*store.Key, error) {
	keys, err := req.console.config.Store.Keys().List(req.ctx())
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

// signedURL returns a SmartSYNC URL with the current timestamp and its check value.
func (req *requestState) signedURL(r samples.Request, key *store.Key) (string, error) {
	now := req.console.config.Now()
	raw := "flow=" + strconv.FormatInt(r.Flow, 10) + "&key=" + url.QueryEscape(r.Key) + "&ts=" + strconv.FormatInt(now.Unix(), 10)
	q, err := auth.ParseQuery(raw)
	if err != nil {
		return "", errors.Join(errors.New("sign request"), err)
	}
	secret, _ := key.Secrets(now)
	check := auth.CheckValue(q, auth.Canonical([]byte(r.Body)), secret)
	return r.Base + "/apis/execute.php?" + raw + "&check=" + check, nil
}
