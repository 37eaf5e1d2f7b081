package cli

import (
	"encoding/json"
	"maps"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
)

// org is a fake Salesforce, which stores records by an external id.
type org struct {
	url  string
	held chan struct{} // gets a value when the request that is held has come
	hold int           // number of the request whose answer is held, from 1

	mu       sync.Mutex
	records  map[string]map[string]map[string]any // guarded by mu; by object and external id
	requests map[string]int                       // guarded by mu; how often each Idempotency-Key came
	count    int                                  // guarded by mu; of all requests
}

// newOrg returns an org that holds the answer of one request.
func newOrg(t *testing.T, hold int) *org {
	t.Helper()
	o := &org{held: make(chan struct{}, 1), hold: hold, records: map[string]map[string]map[string]any{"Contact": {}, "Guardianship__c": {}}, requests: map[string]int{}}
	mux := http.NewServeMux()
	mux.HandleFunc("PATCH /services/data/v63.0/composite/sobjects/{object}/ISAMS_Id__c", o.upsert)
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	o.url = server.URL
	mux.HandleFunc("POST /services/oauth2/token", token("org-token", o.url))
	return o
}

func (o *org) upsert(w http.ResponseWriter, r *http.Request) {
	var body struct {
		Records []map[string]any `json:"records"`
	}
	if err := json.NewDecoder(r.Body).Decode(&body); err != nil || r.Header.Get("Authorization") != "Bearer org-token" || len(body.Records) > 200 {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	results, number := o.store(r, body.Records)
	if number == o.hold { // it is stored, and the answer does not come
		o.held <- struct{}{}
		<-r.Context().Done()
		return
	}
	writeJSON(w, http.StatusOK, results)
}

// store stores records, and returns their results and the number of the request.
func (o *org) store(r *http.Request, records []map[string]any) (results []map[string]any, number int) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.count++
	o.requests[r.Header.Get("Idempotency-Key")]++
	stored, inRequest := o.records[r.PathValue("object")], map[string]bool{}
	for _, record := range records {
		id, _ := record["ISAMS_Id__c"].(string)
		kept, known := stored[id]
		switch {
		case id == "" || inRequest[id]:
			results = append(results, refusal("DUPLICATE_VALUE", "the external id comes twice"))
			continue
		case !o.leads(record, "Pupil__r") || !o.leads(record, "Parent__r"):
			results = append(results, refusal("INVALID_FIELD", "a foreign key was not found"))
			continue
		case !known:
			kept = map[string]any{}
			stored[id] = kept
		}
		inRequest[id] = true
		maps.Copy(kept, record)
		results = append(results, map[string]any{"id": "003" + id, "success": true, "errors": []any{}, "created": !known})
	}
	return results, o.count
}

// refusal is the result of a record that is refused.
func refusal(code, message string) map[string]any {
	return map[string]any{"success": false, "errors": []map[string]any{{"statusCode": code, "message": message, "fields": []string{}}}}
}

// leads reports whether a lookup of a record leads to a contact, or is not there.
func (o *org) leads(record map[string]any, relation string) bool {
	lookup, given := record[relation].(map[string]any)
	if !given {
		return true
	}
	id, _ := lookup["ISAMS_Id__c"].(string)
	return o.records["Contact"][id] != nil
}

// contact returns the fields of a contact; nil: there is none.
func (o *org) contact(id string) map[string]any {
	o.mu.Lock()
	defer o.mu.Unlock()
	return maps.Clone(o.records["Contact"][id])
}

// sizes returns how many records there are.
func (o *org) sizes() (contacts, guardianships int) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return len(o.records["Contact"]), len(o.records["Guardianship__c"])
}

// seen returns how often each request has come, and how many requests have come together.
func (o *org) seen() (requests map[string]int, count int) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return maps.Clone(o.requests), o.count
}
