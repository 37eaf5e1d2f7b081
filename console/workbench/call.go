package workbench

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/penstock/penstock/auth"
	"github.com/penstock/penstock/console/language"
	"github.com/penstock/penstock/console/samples"
	"github.com/penstock/penstock/console/view"
	"github.com/penstock/penstock/flows"
	"github.com/penstock/penstock/store"
)

// showCall shows example requests for the ways in which callers can run the flow.
func (b *Workbench) showCall(r *Request) error { return b.renderCall(r, r.HTTP.URL.Query(), false) }

// callSamples shows the example requests for another body, and signs one if the form says so.
func (b *Workbench) callSamples(r *Request) error {
	if err := r.HTTP.ParseForm(); err != nil {
		return r.Fault(http.StatusBadRequest, language.Key("The form cannot be read"), err.Error())
	}
	return b.renderCall(r, r.HTTP.PostForm, true)
}

func (b *Workbench) renderCall(r *Request, form url.Values, posted bool) error {
	head, t, err := b.tryForm(r)
	if err != nil {
		return err
	}
	if posted {
		t.Event = form.Get("event")
	}
	c := view.CallExamples{TryForm: t}
	flow, ok := b.config.Store.Flows().Find(r.HTTP.PathValue("flow"))
	if !ok {
		return r.Render(http.StatusOK, view.CallPage(r.Page("flows", t.Name), c))
	}
	c.Ways = waysOf(flow)
	if c.Way = cmp.Or(form.Get("way"), form.Get("shown")); !slices.Contains(c.Ways, c.Way) && len(c.Ways) > 0 {
		c.Way = c.Ways[0]
	}
	c.TakesData = c.TakesData || flow.HTTP == nil
	if err := b.fillCall(r, &head, flow, &c, form); err != nil {
		return err
	}
	if r.Fragment {
		return r.Render(http.StatusOK, view.CallBody(r.Page("flows", t.Name), c))
	}
	return r.Render(http.StatusOK, view.CallPage(r.Page("flows", t.Name), c))
}

// waysOf lists the ways in which callers can run a flow.
func waysOf(flow *flows.Flow) (all []string) {
	if flow.Webhook != nil && flow.Webhook.Verify != nil {
		all = append(all, view.WayWebhook)
	}
	if flow.HTTP != nil {
		all = append(all, view.WayHTTP)
	}
	if (&auth.Principal{Kind: auth.KindKey}).CheckOperationScopes(flow) == nil { // it is run by its number
		all = append(all, view.WaySmartSYNC, view.WaySigned, view.WayNative)
	}
	return all
}

// fillCall adds the samples of the chosen way.
func (b *Workbench) fillCall(r *Request, head *store.Deployment, flow *flows.Flow, c *view.CallExamples, form url.Values) error {
	var body bytes.Buffer
	if c.TakesData && c.Event != "" {
		if err := json.Compact(&body, []byte(c.Event)); err != nil {
			return r.Fault(http.StatusBadRequest, language.Key("The event is not JSON"), err.Error())
		}
	}
	switch c.Way {
	case view.WayWebhook:
		c.Samples, c.Without = samples.OfHook(b.hookOf(r, head, flow, c, body.String()))
		return nil
	case view.WayHTTP:
		b.addOperations(r, flow, c)
		return nil
	}
	request := samples.Request{Base: b.config.Base(r.HTTP), Flow: c.Number, Key: "YOUR_KEY", Body: body.String()}
	if r.May(auth.ScopeRun) && r.May(auth.ScopeClients) && c.Way != view.WayNative {
		key, err := b.chooseKey(r, c, form.Get("key"))
		if err != nil {
			return err
		}
		if key != nil {
			request.Key = key.Key
		}
	}
	if form.Get("sign") == "yes" {
		if err := b.sign(r, c, request); err != nil {
			return err
		}
	}
	for _, s := range samples.All(request) {
		if view.WayOfSample(s.ID) == c.Way {
			c.Samples = append(c.Samples, s)
		}
	}
	return nil
}

// hookOf returns a delivery as the sender of a flow makes it, with the headers of the event to begin with.
func (b *Workbench) hookOf(r *Request, head *store.Deployment, flow *flows.Flow, c *view.CallExamples, body string) samples.Hook {
	v := flow.Webhook.Verify
	h := samples.Hook{URL: cmp.Or(v.URL, b.hookURL(r, head)), Body: body, Spec: v.Sender.Spec()}
	place := eventPlace.FindStringSubmatch(h.Spec.Event)
	for _, header := range c.Headers {
		value := header.Value
		if value == "" && place != nil && place[1] == "header" && http.CanonicalHeaderKey(place[2]) == http.CanonicalHeaderKey(header.Name) {
			value = cmp.Or(slices.Concat(eventsIn(flow, h.Spec.Event), []string{"…"})[0])
		}
		if value != "" {
			h.Header = append(h.Header, [2]string{header.Name, value})
		}
	}
	return h
}

// pathParam is a parameter in the path of an operation: curl would expand the braces.
var pathParam = regexp.MustCompile(`\{[^{}]+\}`)

// addOperations adds a request for each operation of an http trigger.
func (b *Workbench) addOperations(r *Request, flow *flows.Flow, c *view.CallExamples) {
	for _, o := range flow.HTTP.Operations {
		path := pathParam.ReplaceAllStringFunc(o.Path.String(), func(name string) string { return strings.ToUpper(strings.Trim(name, "{}")) })
		call := samples.Call{Method: o.Method, URL: b.config.Base(r.HTTP) + path, Bearer: slices.Contains(o.Auth, flows.AuthBearer)}
		if o.Body != nil {
			var body bytes.Buffer
			if json.Compact(&body, []byte(exampleEvent(o.Body))) == nil {
				call.Type, call.Body = "application/json", body.String()
			}
		}
		c.Operations = append(c.Operations, view.CallOperation{Name: o.Name, Method: o.Method, Path: o.Path.String(), Samples: samples.Of(call)})
	}
}

// chooseKey returns the chosen key, or the first one that may run the flow; nil when there is none. It also lists all such keys in c.
func (b *Workbench) chooseKey(r *Request, c *view.CallExamples, chosen string) (*store.Key, error) {
	keys, err := b.config.Store.Keys().List(r.ctx())
	if err != nil {
		return nil, err
	}
	var found *store.Key
	for _, k := range keys {
		if !k.APIAccess || !k.Allows(c.Number) {
			continue
		}
		c.Keys = append(c.Keys, view.KeyName{Key: k.Key, Name: cmp.Or(k.Name, k.Key)})
		if found == nil || k.Key == chosen {
			found = k
		}
	}
	if found != nil {
		c.Chosen = found.Key
	}
	c.Signs = found != nil && c.Way == view.WaySmartSYNC
	return found, nil
}

// sign adds a URL that is signed with the chosen key, for who may administer keys. The audit log has it.
func (b *Workbench) sign(r *Request, c *view.CallExamples, request samples.Request) error {
	if !r.May(auth.ScopeClients) || c.Chosen == "" || c.Way != view.WaySmartSYNC {
		return errForbidden(r)
	}
	key, err := b.config.Store.Keys().Key(r.ctx(), c.Chosen)
	if err != nil {
		return err
	}
	r.Audit("POST "+view.Root+"/flows/{flow}/call", "key:"+key.Key)
	c.Signed, err = b.signedURL(request, key)
	return err
}

// signedURL returns a SmartSYNC URL with the current timestamp and its check value.
func (b *Workbench) signedURL(r samples.Request, key *store.Key) (string, error) {
	now := b.config.Now()
	raw := "flow=" + strconv.FormatInt(r.Flow, 10) + "&key=" + url.QueryEscape(r.Key) + "&ts=" + strconv.FormatInt(now.Unix(), 10)
	q, err := auth.ParseQuery(raw)
	if err != nil {
		return "", errors.Join(errors.New("sign request"), err)
	}
	secret, _ := key.Secrets(now)
	check := auth.CheckValue(q, auth.Canonical([]byte(r.Body)), secret)
	return r.Base + "/apis/execute.php?" + raw + "&check=" + check, nil
}
