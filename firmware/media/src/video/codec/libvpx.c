/* What is used of libvpx, behind functions whose arguments are plain numbers and pointers.
 *
 * Its configuration structures grow from release to release; here the compiler sees those of the release that is
 * linked, so one source serves all of them. The other side is foreign.rs.
 */

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <vpx/vp8cx.h>
#include <vpx/vp8dx.h>
#include <vpx/vpx_decoder.h>
#include <vpx/vpx_encoder.h>

struct encoder {
    vpx_codec_ctx_t codec;
    vpx_codec_enc_cfg_t config;
};

struct decoder {
    vpx_codec_ctx_t codec;
};

struct planes {
    const uint8_t *plane[3];
    int32_t stride[3];
    uint32_t width;
    uint32_t height;
};

void causeway_vp8_encoder_free(struct encoder *encoder) {
    if (encoder) {
        vpx_codec_destroy(&encoder->codec);
        free(encoder);
    }
}

/* Real time, one thread, a constant rate; timestamps count 90,000 a second. NULL: refused. */
struct encoder *causeway_vp8_encoder_new(uint32_t width, uint32_t height, uint32_t kbps, int32_t cpu_used) {
    struct encoder *encoder = calloc(1, sizeof *encoder);
    if (!encoder) {
        return NULL;
    }
    vpx_codec_enc_cfg_t *config = &encoder->config;
    if (vpx_codec_enc_config_default(vpx_codec_vp8_cx(), config, 0) != VPX_CODEC_OK) {
        free(encoder);
        return NULL;
    }
    config->g_w = width;
    config->g_h = height;
    config->g_threads = 1;
    config->g_timebase.num = 1;
    config->g_timebase.den = 90000;
    config->g_lag_in_frames = 0;
    config->g_pass = VPX_RC_ONE_PASS;
    config->g_error_resilient = 0;
    config->rc_end_usage = VPX_CBR;
    config->rc_target_bitrate = kbps;
    config->rc_min_quantizer = 4;
    config->rc_max_quantizer = 56;
    config->rc_undershoot_pct = 100;
    config->rc_overshoot_pct = 15;
    config->rc_buf_initial_sz = 400;
    config->rc_buf_optimal_sz = 500;
    config->rc_buf_sz = 800;
    config->rc_dropframe_thresh = 20;
    config->rc_resize_allowed = 0;
    /* Key frames are asked for. */
    config->kf_mode = VPX_KF_DISABLED;
    if (vpx_codec_enc_init(&encoder->codec, vpx_codec_vp8_cx(), config, 0) != VPX_CODEC_OK) {
        free(encoder);
        return NULL;
    }
    vpx_codec_control(&encoder->codec, VP8E_SET_CPUUSED, cpu_used);
    vpx_codec_control(&encoder->codec, VP8E_SET_STATIC_THRESHOLD, 1u);
    vpx_codec_control(&encoder->codec, VP8E_SET_NOISE_SENSITIVITY, 0u);
    vpx_codec_control(&encoder->codec, VP8E_SET_TOKEN_PARTITIONS, 0);
    /* A key frame of more than four frames' share would stop the picture on a narrow link. */
    vpx_codec_control(&encoder->codec, VP8E_SET_MAX_INTRA_BITRATE_PCT, 450u);
    return encoder;
}

/* 0: done. */
int32_t causeway_vp8_encoder_rate(struct encoder *encoder, uint32_t kbps) {
    encoder->config.rc_target_bitrate = kbps;
    return vpx_codec_enc_config_set(&encoder->codec, &encoder->config);
}

/* 0: done; then `data` is NULL when the frame was left out, and else lasts until the next call. */
int32_t causeway_vp8_encode(struct encoder *encoder, const struct planes *picture, int64_t timestamp, uint32_t duration,
                            int32_t key_frame, const uint8_t **data, size_t *length, int32_t *is_key_frame) {
    *data = NULL;
    *length = 0;
    *is_key_frame = 0;
    if (picture->width != encoder->config.g_w || picture->height != encoder->config.g_h) {
        return VPX_CODEC_INVALID_PARAM;
    }
    vpx_image_t image;
    /* The alignment counts for memory of its own only. */
    if (!vpx_img_wrap(&image, VPX_IMG_FMT_I420, picture->width, picture->height, 1, (uint8_t *)picture->plane[0])) {
        return VPX_CODEC_MEM_ERROR;
    }
    for (int plane = 0; plane < 3; plane++) {
        image.planes[plane] = (uint8_t *)picture->plane[plane];
        image.stride[plane] = picture->stride[plane];
    }
    vpx_enc_frame_flags_t flags = key_frame ? VPX_EFLAG_FORCE_KF : 0;
    vpx_codec_err_t fault = vpx_codec_encode(&encoder->codec, &image, timestamp, duration, flags, VPX_DL_REALTIME);
    if (fault != VPX_CODEC_OK) {
        return fault;
    }
    vpx_codec_iter_t at = NULL;
    const vpx_codec_cx_pkt_t *packet;
    while ((packet = vpx_codec_get_cx_data(&encoder->codec, &at))) {
        if (packet->kind == VPX_CODEC_CX_FRAME_PKT && !*data) {
            *data = packet->data.frame.buf;
            *length = packet->data.frame.sz;
            *is_key_frame = (packet->data.frame.flags & VPX_FRAME_IS_KEY) != 0;
        }
    }
    return VPX_CODEC_OK;
}

void causeway_vp8_decoder_free(struct decoder *decoder) {
    if (decoder) {
        vpx_codec_destroy(&decoder->codec);
        free(decoder);
    }
}

struct decoder *causeway_vp8_decoder_new(void) {
    struct decoder *decoder = calloc(1, sizeof *decoder);
    if (!decoder) {
        return NULL;
    }
    vpx_codec_dec_cfg_t config;
    memset(&config, 0, sizeof config);
    config.threads = 1;
    if (vpx_codec_dec_init(&decoder->codec, vpx_codec_vp8_dx(), &config, 0) != VPX_CODEC_OK) {
        free(decoder);
        return NULL;
    }
    return decoder;
}

/* 0: done; then a width of 0 means that the frame shows nothing. The planes last until the next call. */
int32_t causeway_vp8_decode(struct decoder *decoder, const uint8_t *data, size_t length, struct planes *picture) {
    memset(picture, 0, sizeof *picture);
    vpx_codec_err_t fault = vpx_codec_decode(&decoder->codec, data, (unsigned int)length, NULL, 0);
    if (fault != VPX_CODEC_OK) {
        return fault;
    }
    vpx_codec_iter_t at = NULL;
    const vpx_image_t *image;
    while ((image = vpx_codec_get_frame(&decoder->codec, &at))) {
        if (image->fmt != VPX_IMG_FMT_I420) {
            return VPX_CODEC_UNSUP_BITSTREAM;
        }
        for (int plane = 0; plane < 3; plane++) {
            picture->plane[plane] = image->planes[plane];
            picture->stride[plane] = image->stride[plane];
        }
        picture->width = image->d_w;
        picture->height = image->d_h;
    }
    return VPX_CODEC_OK;
}
