package console

import (
	"net/http"
	"strings"

	"github.com/penstock/penstock/auth"
	"github.com/penstock/penstock/console/language"
	"github.com/penstock/penstock/console/view"
)

// refusedLimit is the number of rejected requests listed.
const refusedLimit = 200

// refusedPage lists the latest requests rejected by the API.
func refusedPage(req *requestState) error {
	r, err := req.refused()
	if err != nil {
		return err
	}
	return req.render(200, view.RefusedPage(req.page("refused", language.T(req.ctx(), "Rejected requests")), r))
}

func (req *requestState) refused() (view.Refused, error) {
	all, err := req.console.config.RejectLog.List(req.ctx(), refusedLimit)
	return view.Refused{Items: all, Method: http.MethodGet}, err
}

// explainRequest explains why a request pasted by the user is rejected.
func explainRequest(req *requestState) error {
	r, err := req.refused()
	if err != nil {
		return err
	}
	r.Method, r.URL, r.Body = req.r.PostFormValue("method"), strings.TrimSpace(req.r.PostFormValue("url")), req.r.PostFormValue("body")
	// A form sends line breaks as CR LF; check values are computed without line breaks.
	r.Explanation, err = req.console.config.Authority.Explain(req.ctx(), &auth.ExplainRequest{Method: r.Method, URL: r.URL, Body: strings.ReplaceAll(r.Body, "\r\n", "\n")})
	if err != nil {
		return err
	}
	req.audit("POST "+Root+"/refused", r.Explanation.Key)
	return req.render(200, view.RefusedPage(req.page("refused", language.T(req.ctx(), "Rejected requests")), r))
}
