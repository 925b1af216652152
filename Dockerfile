# One image with all programs: ingest, projector, clerkstream, and the examples gateway and orders. What runs is the command given to it.
#   docker build -t clerkstream .        (docker compose does it too)
FROM --platform=$BUILDPLATFORM golang:1.26-alpine AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN --mount=type=cache,target=/go/pkg/mod go mod download
COPY . .
ARG TARGETOS TARGETARCH
RUN --mount=type=cache,target=/go/pkg/mod --mount=type=cache,target=/root/.cache/go-build \
    CGO_ENABLED=0 GOOS=$TARGETOS GOARCH=$TARGETARCH go build -trimpath -ldflags='-s -w' -o /out/ ./cmd/... ./examples/gateway ./examples/orders

# Alpine rather than nothing at all: its wget is what the health checks of docker-compose.yml ask with.
FROM alpine:3.23
LABEL org.opencontainers.image.title="clerkstream" \
      org.opencontainers.image.description="Clerk webhooks, in order and complete, in your own Postgres" \
      org.opencontainers.image.source="https://github.com/clerkstream/clerkstream" \
      org.opencontainers.image.licenses="MIT"
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/
COPY --from=build /out/ /usr/local/bin/
# A number, so that Kubernetes can see that it is not root.
USER 65532:65532
# Only whoever starts it knows which program runs and what healthy means for it.
HEALTHCHECK NONE
CMD ["clerkstream", "--help"]
