package connect

import (
	"errors"
	"net"
	"net/url"

	mssql "github.com/microsoft/go-mssqldb"
	"github.com/microsoft/go-mssqldb/msdsn"

	"github.com/penstock/penstock/flows"
)

func sqlserverType() Type {
	return Type{
		Name: "sqlserver", Summary: "A Microsoft SQL Server database.", Fields: databaseFields("1433"),
		open: func(_ *Resolver, s settings) (any, error) {
			config, err := sqlserverConfig(s)
			if err != nil {
				return nil, err
			}
			reading, c := new(responseLimiter), mssql.NewConnectorConfig(config)
			c.Dialer = reading
			return reading.limitPool(newPool(s, flows.SQLServer, c)), nil
		},
	}
}

func sqlserverConfig(s settings) (msdsn.Config, error) {
	trust, err := tlsConfig(s)
	if err != nil {
		return msdsn.Config{}, err
	}
	query := url.Values{"database": {s.text["database"]}, "app name": {"penstock"}, "encrypt": {"true"}}
	if trust == nil {
		query.Set("encrypt", "disable")
	}
	config, err := msdsn.Parse((&url.URL{
		Scheme: "sqlserver", User: url.UserPassword(s.text["username"], s.text["password"]),
		Host: net.JoinHostPort(s.text["host"], s.text["port"]), RawQuery: query.Encode(),
	}).String())
	if err != nil { // its text may contain the password
		return msdsn.Config{}, errors.New("host, port and database make no address of an SQL Server")
	}
	if trust != nil {
		config.TLSConfig = trust
	}
	config.DialTimeout = dialLimit
	return config, nil
}
