package api

// Routes are the method and path of every route, as gin writes them.
func (a *API) Routes() (all []string) {
	for _, r := range a.engine.Routes() {
		all = append(all, r.Method+" "+r.Path)
	}
	return all
}
