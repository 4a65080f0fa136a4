# Upframe on a processor, under 1 GB. docs/install.md says how it is built and used.
FROM python:3.12-slim AS build
ARG UV=0.13.9
ARG TORCH_BACKEND=cpu
ARG VERSION=0.1.0
ENV SETUPTOOLS_SCM_PRETEND_VERSION_FOR_UPFRAME=${VERSION} UV_NO_CACHE=1 UV_LINK_MODE=copy
RUN pip install --no-cache-dir "uv==${UV}" && uv venv /opt/upframe
WORKDIR /source
COPY constraints.txt ./
# What changes seldom comes first, so that it is fetched once.
RUN uv pip install --python /opt/upframe --torch-backend "${TORCH_BACKEND}" --constraints constraints.txt torch
COPY pyproject.toml README.md LICENSE NOTICE ./
COPY src ./src
RUN uv pip install --python /opt/upframe --torch-backend "${TORCH_BACKEND}" --constraints constraints.txt '.[images,stills]'
# Without what is there for those who build on torch, and for its own tests: 190 MB. `upframe doctor` tries what is left, with an
# image and a video, and leaves what Python compiled of what is used.
WORKDIR /opt/upframe/lib/python3.12/site-packages
RUN find torch/bin -type f ! -name torch_shm_manager -delete \
    && rm -rf torch/include torch/test torch/lib/*_test.so numpy/*/tests sympy/*/tests sympy/*/*/tests networkx/*/tests \
    && /opt/upframe/bin/upframe doctor

FROM python:3.12-slim
LABEL org.opencontainers.image.title="Upframe" org.opencontainers.image.licenses="Apache-2.0"
COPY --from=build /opt/upframe /opt/upframe
# Any user may run it (--user), and keep imported models and what was measured under the home folder.
RUN useradd --uid 1000 --create-home upframe && chmod 1777 /home/upframe && install -d -m 1777 /work
ENV PATH=/opt/upframe/bin:$PATH HOME=/home/upframe PYTHONDONTWRITEBYTECODE=1
USER 1000:1000
WORKDIR /work
HEALTHCHECK --interval=10m --timeout=60s --start-period=30s CMD ["upframe", "doctor"]
ENTRYPOINT ["upframe"]
CMD ["--help"]
