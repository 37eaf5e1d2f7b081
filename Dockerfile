# The build needs nothing but Go; the images hold one static binary each.
FROM golang:1.26 AS build
WORKDIR /src
COPY go.mod go.sum ./
COPY third_party third_party
RUN go mod download
COPY . .
# What `penstock version` says.
ARG VERSION=devel
# timetzdata: the image has no time zones.
RUN CGO_ENABLED=0 go build -C modules/all -trimpath -buildvcs=false -tags timetzdata \
    -ldflags "-s -w -X github.com/penstock/penstock/app.version=${VERSION}" -o /out/penstock .

# asynq's web interface, stand-alone: docker build --target asynqmon .
FROM golang:1.26 AS build-asynqmon
RUN CGO_ENABLED=0 GOBIN=/out go install -trimpath -ldflags "-s -w" github.com/hibiken/asynqmon/cmd/asynqmon@v0.7.2

FROM scratch AS asynqmon
COPY --from=build-asynqmon /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/
COPY --from=build-asynqmon /out/asynqmon /asynqmon
USER 65532:65532
EXPOSE 8080
ENTRYPOINT ["/asynqmon"]

FROM scratch
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/
COPY --from=build /out/penstock /penstock
USER 65532:65532
ENV PENSTOCK_LISTEN=:8080 PENSTOCK_METRICS_LISTEN=:9090
EXPOSE 8080 9090
# The metrics listener of every role says whether Redis answers.
HEALTHCHECK --interval=10s --timeout=4s --start-period=20s CMD ["/penstock", "health", "--listen", ":9090"]
ENTRYPOINT ["/penstock"]
CMD ["api"]
