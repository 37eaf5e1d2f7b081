package connect

import (
	"fmt"
	"io"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgproto3"
	"github.com/jackc/pgx/v5/stdlib"

	"github.com/penstock/penstock/flows"
)

// maxRow is the maximum size of one message of a PostgreSQL server, such as a row, in bytes: the driver reads it
// conn a whole. It is twice the limit of an item.
const maxRow = 128 << 20

func postgresType() Type {
	return Type{
		Name: "postgres", Summary: "A PostgreSQL database.",
		Fields: append(databaseFields("5432"), Field{
			Name: "pooler", Kind: FieldChoice, Choices: []string{"none", "session", "transaction"}, Default: "none",
			Summary: "Pooler before the server, such as PgBouncer, by its mode: with `transaction`, no prepared statement outlives its transaction. `none` and `session` behave alike.",
		}),
		open: func(_ *Resolver, s settings) (any, error) {
			trust, err := tlsConfig(s)
			if err != nil {
				return nil, err
			}
			// This overrides the environment (PGHOST, PGSSLMODE…).
			config, err := pgx.ParseConfig("host=localhost user=penstock sslmode=disable")
			if err != nil {
				return nil, fmt.Errorf("make configuration: %w", err)
			}
			config.Host, config.Port = s.text["host"], uint16(s.number("port"))
			config.User, config.Password, config.Database = s.text["username"], s.text["password"], s.text["database"]
			config.TLSConfig, config.Fallbacks = trust, nil
			config.ConnectTimeout = dialLimit
			config.BuildFrontend = func(r io.Reader, w io.Writer) *pgproto3.Frontend {
				frontend := pgproto3.NewFrontend(r, w)
				frontend.SetMaxBodyLen(maxRow)
				return frontend
			}
			config.RuntimeParams = map[string]string{"application_name": "penstock", "timezone": "UTC"}
			if s.text["pooler"] == "transaction" {
				config.DefaultQueryExecMode = pgx.QueryExecModeCacheDescribe
			}
			return newPool(s, flows.Postgres, postgresConnector{stdlib.GetConnector(*config)}), nil
		},
	}
}
