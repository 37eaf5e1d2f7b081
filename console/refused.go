package console

import (
	"net/http"
	"strings"

	"github.com/penstock/penstock/auth"
	"github.com/penstock/penstock/console/view"
)

// shownRefusals are listed.
const shownRefusals = 200

// refusedPage lists what the doors refused lately.
func refusedPage(x *exchange) error {
	r, err := x.refused()
	if err != nil {
		return err
	}
	return x.show(200, view.RefusedPage(x.page("refused", "Rejected requests"), r))
}

func (x *exchange) refused() (view.Refused, error) {
	all, err := x.console.config.RejectLog.List(x.ctx(), shownRefusals)
	return view.Refused{Items: all, Method: http.MethodGet}, err
}

// explainRequest says why a request that somebody pastes does not fit.
func explainRequest(x *exchange) error {
	r, err := x.refused()
	if err != nil {
		return err
	}
	r.Method, r.URL, r.Body = x.r.PostFormValue("method"), strings.TrimSpace(x.r.PostFormValue("url")), x.r.PostFormValue("body")
	// A form sends line breaks as CR LF; they are signed as if they were not there.
	r.Explanation, err = x.console.config.Authority.Explain(x.ctx(), &auth.ExplainRequest{Method: r.Method, URL: r.URL, Body: strings.ReplaceAll(r.Body, "\r\n", "\n")})
	if err != nil {
		return err
	}
	x.audit("POST "+Root+"/refused", r.Explanation.Key)
	return x.show(200, view.RefusedPage(x.page("refused", "Rejected requests"), r))
}
