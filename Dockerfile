# batchwright without a network, a home folder or the rights of root: the rows come in as a folder, and runs go out.
#
#   docker build --tag batchwright .
#   docker run --rm --network none --read-only --tmpfs /tmp --user "$(id -u):$(id -g)" --volume "$PWD:/data" \
#     batchwright train people.csv --target income
FROM python:3.13-slim AS build
WORKDIR /source
COPY pyproject.toml README.md LICENSE ./
COPY src src
COPY man man
RUN pip wheel --no-cache-dir --no-deps --wheel-dir /wheels .

FROM python:3.13-slim
COPY --from=build /wheels /wheels
RUN pip install --no-cache-dir "$(echo /wheels/*.whl)[png,spreadsheets,zstd]"
# Compiled programs are kept in /tmp, which may be in memory; mount a folder there to keep them between containers.
ENV BATCHWRIGHT_CACHE=/tmp/batchwright PYTHONDONTWRITEBYTECODE=1
USER 65532:65532
WORKDIR /data
ENTRYPOINT ["batchwright"]
CMD ["--help"]
