package console

import (
	"net/http"

	"github.com/penstock/penstock/console/language"
)

// errSeen is the response to a form that shows what somebody else has changed in the meantime.
var errSeen = &fault{http.StatusConflict, language.Key("Somebody else has saved this in the meantime"), language.Key("Nothing was saved. Open the page again to see the change: what you typed is still here, copy from it what you need.")}

// checkSeen compares what the form was made from with what is stored now, see view.SeenUser. A form that does not say is accepted.
func (req *requestState) checkSeen(stored string) error {
	if form := req.r.PostFormValue("seen"); form != "" && form != stored {
		return errSeen
	}
	return nil
}
