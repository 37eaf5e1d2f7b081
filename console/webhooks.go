package console

import (
	"strconv"

	"github.com/penstock/penstock/console/language"
	"github.com/penstock/penstock/console/view"
	"github.com/penstock/penstock/internal/webhook"
)

// webhooksShown is the number of webhooks on the page.
const webhooksShown = 100

// webhooksPage lists the newest webhooks that a flow has sent, of one state if the query names it, and their endpoints.
func webhooksPage(req *requestState) error {
	head, err := req.head()
	if err != nil {
		return err
	}
	all, err := req.console.config.Webhooks.List(req.ctx(), head.Number)
	if err != nil {
		return err
	}
	w := view.Webhooks{Flow: req.flowRow(head), State: webhook.State(req.r.URL.Query().Get("state")), None: len(all) == 0}
	for _, d := range all {
		if w.State != "" && d.State != w.State {
			continue
		}
		if w.Found++; len(w.Items) < webhooksShown {
			w.Items = append(w.Items, d)
		}
	}
	if w.Endpoints, err = req.console.config.Webhooks.Endpoints(req.ctx(), head.Number); err != nil {
		return err
	}
	return req.render(200, view.WebhooksPage(req.page("flows", language.T(req.ctx(), "Webhooks")), w))
}

// webhookPage shows one webhook with its body and tries.
func webhookPage(req *requestState) error {
	head, err := req.head()
	if err != nil {
		return err
	}
	d, err := req.console.config.Webhooks.Delivery(req.ctx(), head.Number, req.r.PathValue("webhook"))
	if err != nil {
		return err
	}
	return req.render(200, view.WebhookPage(req.page("flows", language.T(req.ctx(), "Webhook")), req.flowRow(head), d))
}

// redeliverWebhook sends a webhook again.
func redeliverWebhook(req *requestState) error {
	head, err := req.head()
	if err != nil {
		return err
	}
	id := req.r.PathValue("webhook")
	if err := req.console.config.Webhooks.Redeliver(req.ctx(), head.Number, id); err != nil {
		return err
	}
	req.audit("POST "+Root+"/flows/{flow}/webhooks/{webhook}/redeliver", id)
	req.setNotice(language.T(req.ctx(), "It is sent again, with the same id and body."))
	return req.redirect(Root + "/flows/" + strconv.FormatInt(head.Number, 10) + "/webhooks/" + id)
}

// switchEndpoint enables or disables an endpoint of webhooks.
func switchEndpoint(req *requestState) error {
	head, err := req.head()
	if err != nil {
		return err
	}
	id := req.r.PathValue("endpoint")
	if err := req.console.config.Webhooks.Enable(req.ctx(), head.Number, id, req.r.PostFormValue("enabled") == "true"); err != nil {
		return err
	}
	req.audit("POST "+Root+"/flows/{flow}/webhook-endpoints/{endpoint}", id)
	return req.redirect(Root + "/flows/" + strconv.FormatInt(head.Number, 10) + "/webhooks")
}
